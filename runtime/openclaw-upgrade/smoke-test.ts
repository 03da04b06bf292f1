/** The smoke test of a version that runs: what worked with the old version must work with the new one. */

import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { checkGateway, parseVersionOutput, postHook } from "../../functions/doctor/openclaw.ts";
import { findAnswer, parseSkillVerdict, toOpenclawOutput } from "../../functions/doctor/openclaw-skill.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { spawnedRunsSchema } from "../../shared/gateway-tasks.ts";
import { readPath } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { requireSuccess } from "../node/programs.ts";
import { listUnusedSettings } from "./openclaw-settings.ts";
import { type Check, COMMAND_TIMEOUT, checkAll, requireAnswer, runChecks, type StepContext } from "./upgrade-driver.ts";

/** Timeout for one turn of the agent: 5 minutes. With a model that answers at once 2026.9 took 2 on an overloaded machine. */
const TURN_TIMEOUT: Ms = 300 * SECOND;

/** Timeout for one wake until its run has ended: 90 s. */
const WAKE_TIMEOUT: Ms = 90 * SECOND;

/** What the agent is asked. It names no task, so that nothing else happens. */
const SMOKE_MESSAGE = "This is a check of an upgrade. Use no tool and change nothing. Reply with the word OK.";

/** What the starting agent is asked. */
const SPAWN_MESSAGE =
  "This is a check of an upgrade. Call sessions_spawn once, with the agent {agent} and the task: reply with the word OK. Then reply with the word OK.";

/** Connects from where OpenClaw runs; host and port are arguments, never part of the program. */
const CONNECT_SCRIPT =
  'const s=require("node:net").connect({host:process.argv[1],port:+process.argv[2]},()=>process.exit(0));' +
  's.on("error",(e)=>{console.error(e.code);process.exit(1)});s.setTimeout(5000,()=>{console.error("timeout");process.exit(1)})';

/** Prints the transcripts that contain a mark, from a folder of OpenClaw's state. */
const TRANSCRIPT_SCRIPT = 'grep -rlF -- "$1" "$2" | while read -r file; do cat -- "$file"; done';

/** Tries of a turn and of a wake before they count as failed: 3. */
const TRIES = 3;

/** Pause between two looks at a run, or at a gateway that starts: 1 s; starting took 8 to 60 s on two busy cores. */
const PAUSE: Ms = SECOND;

/** Answer of `openclaw agent --json` through the gateway. One of a run without the gateway has no status. */
const turnSchema = z.object({ runId: z.string(), status: z.string() });

const probeSchema = z.object({
  servers: z.record(z.string(), z.object({ tools: z.number() })),
  diagnostics: z.array(z.unknown()).default([]),
});

/** Messages of the kernel and of Node for a call that the user, a capability or seccomp does not allow. */
const PERMISSION_PROBLEM = /\b(?:EPERM|EACCES)\b|operation not permitted|permission denied/i;

/** Limit of a line of a log and of what OpenClaw says about a failure, in UTF-16 units. */
const MAX_REASON = 300;

/**
 * The status of a process, in the kernel's order: name, ids of user and group (real, effective, saved, file system),
 * the capabilities that it has and could get, and seccomp (0 none, 1 strict, 2 filter). A process may choose its name,
 * but not add lines: the kernel escapes line ends in it.
 */
const PROCESS_STATUS = new RegExp(
  [
    ...["^Name:\t(.+)", "Uid:\t(\\d+(?:\t\\d+){3})", "Gid:\t(\\d+(?:\t\\d+){3})"],
    ...["CapEff:\t([0-9a-f]{16})", "CapBnd:\t([0-9a-f]{16})", "Seccomp:\t([012])"],
  ].join("\n(?:.*\n)*?"),
);

/** Bits of CAP_CHOWN, CAP_SETGID and CAP_SETUID (`include/uapi/linux/capability.h`). */
const ALLOWED_MASK = (1n << 0n) | (1n << 6n) | (1n << 7n);

/**
 * Tests of GNU find, which mark paths with another owner, folders that their owner cannot use, and what everyone can
 * write. Paths may contain anything but NUL.
 */
const FIND_TESTS =
  "-maxdepth 2 ! -type l ( ( ! -uid UID -o ! -gid GID ) -printf owner:%p\\0 , " +
  "-type d ! -perm -700 -printf closed:%p\\0 , -perm -2 ! -perm -1000 -printf open:%p\\0 )";

/** Limit of names in a finding. */
const MAX_NAMES = 5;

/** What to do about a failure that has no advice of its own. */
const TODO =
  "Look into the gateway's log, and into the container or folder. A wake also needs hooks in OpenClaw's settings.";

/** The checks of a version in their order; the gateway was asked before. */
const CHECKS: Record<string, Check<[context: StepContext, version: string]>> = {
  async version({ ok, failed }, { openclaw }, version) {
    const result = await openclaw("--version");
    const found = parseVersionOutput(result.stdout) ?? cleanLine(requireSuccess("openclaw --version", result), 60);
    if (found === version) return ok`OpenClaw ${version} runs`;
    return failed`OpenClaw ${found} runs, instead of ${version} → Check the pinned version and the image's tag.`;
  },
  async "agent turn"({ ok }, context) {
    const { agent } = context.settings;
    const time = await tryRepeatedly(context, () => runTurn(context, agent, SMOKE_MESSAGE));
    return ok`${agent} completed a turn through the gateway in ${time}`;
  },
  async wake({ ok }, context) {
    const time = await tryRepeatedly(context, () => wakeAgent(context));
    return ok`${context.settings.agent} was woken and its run ended well in ${time}`;
  },
  // With the debug log: a system call that is refused then, by EPERM or EACCES, is what an upgrade breaks first.
  async "spawned agent"({ ok, skipped, failed }, context) {
    const { openclaw } = context;
    const { agent, spawns } = context.settings;
    if (spawns === undefined) return skipped`"spawns" in the settings of upgrades names no agent`;
    const level = await openclaw("config", "get", "logging.level");
    const before = await readSpawnMetrics(context);
    await openclaw("config", "set", "logging.level", "debug");
    try {
      await runTurn(context, spawns, SPAWN_MESSAGE.replace("{agent}", agent));
    } finally {
      const back = level.status === 0 ? ["set", "logging.level", level.stdout.trim()] : ["unset", "logging.level"];
      await openclaw("config", ...back);
    }
    const after = await readSpawnMetrics(context);
    if (!before || !after) return skipped`this version keeps no list of spawned agents`;
    if (after.failed > before.failed)
      return failed`${spawns} started ${agent}, whose run failed → Run \`openclaw tasks list\`, and look into the log.`;
    if (after.total > before.total) return ok`${spawns} started ${agent}`;
    return skipped`${spawns} started no agent: its tools do not let it, or its model did not`;
  },
  async skill({ ok, failed }, { openclaw, settings: { agent, skill } }) {
    const info = async (...more: string[]) =>
      parseSkillVerdict(toOpenclawOutput(await openclaw("skills", "info", skill, "--json", ...more)));
    let { kind, reason } = await info("--agent", agent);
    if (kind === "no agent option") ({ kind, reason } = await info());
    if (kind === "loaded") return ok`${skill} is loaded and eligible`;
    return failed`${skill} is ${kind}${reason === undefined ? "" : `: ${reason}`}
      → Run \`openclaw skills info ${skill}\`.`;
  },
  mcp: (_, context) =>
    checkAll("mcp", context.settings.mcp, TODO, async ({ ok, skipped, failed }, entry) => {
      const result = await context.openclaw("mcp", "probe", entry, "--json");
      if (/unknown command.{0,5}mcp/i.test(result.stderr + result.stdout))
        return skipped`this version does not support MCP`;
      const { servers, diagnostics } = requireAnswer("openclaw mcp probe", probeSchema, result);
      const { tools } = servers[entry] ?? {};
      if (tools) return ok`${tools} tools`;
      const problem = tools === 0 ? "it offers no tool" : `it did not answer: ${JSON.stringify(diagnostics)}`;
      return failed`${cleanLine(problem, MAX_REASON)} → Run \`openclaw mcp probe ${entry}\`.`;
    }),
  async processes({ skipped }, { driver, exec }) {
    if (driver.kind === "npm") return skipped`only the compose driver checks containers`;
    // A process may end while its file is read, so the exit code says nothing.
    const { stdout } = await exec("sh", "-c", "cat /proc/[0-9]*/status");
    return checkProcesses(stdout, driver.owner);
  },
  async workspace({ ok, skipped, warning, failed }, { driver: { workspaces, owner }, exec }) {
    if (workspaces.length === 0) return skipped`"workspaces" names none`;
    const [uid = "", gid = ""] = owner.split(":");
    const tests = FIND_TESTS.replace("UID", uid).replace("GID", gid).split(" ");
    const found = requireSuccess("find", await exec("find", ...workspaces, ...tests)).split("\0");
    /** The paths with this mark, "" when there are none. */
    const list = (mark: string) => {
      const paths = found.flatMap((path) => (path.startsWith(mark) ? [cleanLine(path.slice(mark.length), 100)] : []));
      const more = paths.splice(MAX_NAMES).length;
      return more > 0 ? `${paths.join(", ")} and ${more} more` : paths.join(", ");
    };
    const [foreign, closed, open] = [list("owner:"), list("closed:"), list("open:")];
    if (foreign) return failed`not owned by ${owner}: ${foreign} → Run \`chown -R ${owner}\` there.`;
    if (closed) return failed`its owner cannot use: ${closed} → Run \`chmod u+rwx\` there.`;
    if (open) return warning`everyone can write: ${open} → Run \`chmod o-w\` there.`;
    return ok`${workspaces.join(", ")}, all of ${owner}`;
  },
  reach: (_, context) => checkReach(context),
  async "recorded spawns"({ ok, skipped }, context) {
    const metrics = await readSpawnMetrics(context);
    if (!metrics) return skipped`this version keeps no list of spawned agents`;
    const { total, failed, mostAtOnce, medianWaitMs, medianRunMs } = metrics;
    return ok`${total} recorded, ${failed} failed, ${mostAtOnce} at once at most; median wait
      ${formatSeconds(medianWaitMs)}, median run ${formatSeconds(medianRunMs)}`;
  },
  "unused settings": listUnusedSettings,
};

/** Tests a started version as its users see it. Costs two runs of a model. `since`: when it was started. */
export async function runSmokeTest(context: StepContext, version: string, since: Ms) {
  const gateway = await waitForGateway(context);
  // Without a gateway every further check would only wait for its timeout.
  const findings = gateway.status === "failed" ? [] : await runChecks(CHECKS, TODO, context, version);
  const logLines = findLines(await context.driver.readLog(since, context.remaining(COMMAND_TIMEOUT)));
  const { ok, failed } = createReport("log");
  const log =
    logLines.length === 0
      ? ok`no EPERM or EACCES since the start`
      : failed`${logLines.length} different lines with EPERM or EACCES since the start
          → Check owner and mode of the paths first. If a system call is refused that the old version did not need, add a
          seccomp profile of your own for it; keep Docker's default otherwise.`;
  return { findings: [gateway, ...findings, log], logLines };
}

/** A failure that the old version had as well is no reason to go back to it. */
export function judgeFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const failedBefore = new Set(before.flatMap(({ name, status }) => (status === "failed" ? [name] : [])));
  return after.map((finding) => {
    if (finding.status !== "failed" || !failedBefore.has(finding.name)) return finding;
    return { todo: "See the log.", ...finding, status: "warning", detail: `${finding.detail} (as before the upgrade)` };
  });
}

/** Tries something until it works, and says how long it took: a model may refuse once, and 2026.2 loses first wakes. */
async function tryRepeatedly({ clock }: StepContext, attempt: () => Promise<void>): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    const start = clock();
    try {
      await attempt();
      return formatSeconds(clock() - start);
    } catch (thrown) {
      if (tries === TRIES) throw thrown;
    }
  }
}

/** Lets an agent run a turn through the gateway. Throws an Error for people when it did not end well. */
async function runTurn({ driver, remaining }: StepContext, agent: string, message: string): Promise<void> {
  const timeout = remaining(TURN_TIMEOUT);
  const session = ["--agent", agent, "--session-id", randomUUID()];
  const args = ["agent", ...session, "--message", message, "--json", "--timeout", String(Math.ceil(timeout / SECOND))];
  const result = await driver.runOpenclaw(args, timeout);
  // 2026.2 then runs the turn itself, and its answer has no status.
  if (/falling back to embedded/i.test(result.stderr))
    throw new Error("the turn ran without the gateway, which did not answer");
  const { status } = requireAnswer("openclaw agent", turnSchema, result);
  if (status !== "ok") throw new Error(`the turn ended with status ${cleanLine(status, 40)}`);
}

/** Wakes the agent as Groundcrew does. Throws an Error for people when the wake did not arrive, or its run failed. */
async function wakeAgent({ clock, wait, remaining, exec, fetch, settings, hookToken }: StepContext): Promise<void> {
  const timeout = remaining(WAKE_TIMEOUT);
  const id = randomUUID();
  const body = {
    ...{ message: `${SMOKE_MESSAGE} (${id})`, name: "groundcrew-upgrade", agentId: settings.agent, deliver: false },
    // "now" would cost 2026.2 a second run of the model; the agent runs at once with either.
    ...{ wakeMode: "next-heartbeat", waitForCompletion: true, timeoutSeconds: Math.floor(timeout / SECOND) },
  };
  const options = { timeout, headers: { "idempotency-key": id } };
  const reply = await postHook(fetch, settings.gateway, hookToken, body, options);
  if ("thrown" in reply) throw new Error(`the gateway did not answer the wake: ${getErrorMessage(reply.thrown)}`);
  const answer = tryParseJson(reply.text);
  if (readPath(answer, "ok") !== true)
    throw new Error(`the gateway answered ${reply.status} ${cleanLine(reply.text, 200)}`);
  const status = readPath(answer, "completion.status");
  if (status === "ok") return;
  if (status !== undefined) throw new Error(`the wake's run ended with status ${cleanLine(String(status), 40)}`);
  // 2026.2 does not wait for the run, and accepts wakes that it does not run: only its transcript proves one.
  for (const end = clock() + remaining(WAKE_TIMEOUT) / 2; ; await wait(PAUSE)) {
    const { stdout } = await exec("sh", "-c", TRANSCRIPT_SCRIPT, "sh", id, posix.join(settings.state, "agents"));
    if (stdout.split("\n").some(isModelAnswer)) return;
    if (clock() >= end) throw new Error("the wake was accepted, but no run with an answer of the model appeared");
  }
}

/** Whether a line of a transcript is an answer of the model; one that failed stopped by an error. */
function isModelAnswer(line: string): boolean {
  // The last line may just be being written.
  const message = readPath(tryParseJson(line), "message");
  return readPath(message, "role") === "assistant" && readPath(message, "stopReason") !== "error";
}

const formatSeconds = (ms: Ms | undefined) => (ms === undefined ? "not known" : `${(ms / SECOND).toFixed(1)} s`);

/** What OpenClaw's ledger says about spawned agents; undefined when this version has none. */
async function readSpawnMetrics({ openclaw }: StepContext) {
  const { spawned } = findAnswer(spawnedRunsSchema, (await openclaw("tasks", "list", "--json")).stdout) ?? {};
  if (!spawned) return undefined;
  const started = spawned.flatMap(({ startedAt, ...run }) => (startedAt ? [{ ...run, startedAt }] : []));
  // One that ends when another starts does not overlap with it.
  const countAt = (time: Ms) =>
    started.filter(({ startedAt, endedAt }) => startedAt <= time && (!endedAt || endedAt > time)).length;
  const findMedian = (values: Ms[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  return {
    total: spawned.length,
    failed: spawned.filter(({ isFailed }) => isFailed).length,
    mostAtOnce: Math.max(0, ...started.map(({ startedAt }) => countAt(startedAt))),
    medianWaitMs: findMedian(started.map(({ createdAt, startedAt }) => startedAt - createdAt)),
    medianRunMs: findMedian(started.flatMap(({ startedAt, endedAt }) => (endedAt ? [endedAt - startedAt] : []))),
  };
}

/**
 * Checks that all processes run as this `uid:gid`, with the allowed capabilities at most, under a seccomp filter.
 * Throws when the text is not that of their status files, one after the other.
 */
function checkProcesses(text: string, owner: string): Promise<Finding[]> {
  const processes = text.split(/^(?=Name:\t)/m).map((block) => {
    const [all, name = "", users = "", groups = "", effective, bounding, seccomp] = PROCESS_STATUS.exec(block) ?? [];
    if (all === undefined) throw new Error("the status of a process cannot be read");
    const capabilities = BigInt(`0x${effective}`) | BigInt(`0x${bounding}`);
    return {
      name,
      ids: [users, groups].map((ids) => [...new Set(ids.split("\t"))].join()).join(":"),
      capabilities,
      seccomp,
    };
  });
  /** The names of the processes for which this is so. */
  const list = (isBad: (status: (typeof processes)[number]) => boolean) =>
    [...new Set(processes.filter(isBad).map(({ name }) => name))].join(", ");
  const foreign = list(({ ids }) => ids !== owner);
  const strong = list(({ capabilities }) => (capabilities & ~ALLOWED_MASK) !== 0n);
  const open = list(({ seccomp }) => seccomp !== "2");
  return runChecks(
    {
      "process users": ({ ok, failed }) =>
        foreign
          ? failed`not as ${owner}: ${foreign} → Set \`user: "${owner}"\`.`
          : ok`${processes.length} processes, all as ${owner}`,
      "process capabilities": ({ ok, failed }) =>
        strong
          ? failed`more than CHOWN, SETGID and SETUID: ${strong} → Drop the others.`
          : ok`CHOWN, SETGID and SETUID at most`,
      "process seccomp": ({ ok, failed }) =>
        open ? failed`no filter: ${open} → Remove seccomp=unconfined.` : ok`all processes have a filter`,
    },
    TODO,
  );
}

/** Connects to what `reach` in the settings names, from where OpenClaw runs. Changes nothing. */
export function checkReach({ exec, settings }: StepContext): Promise<Finding[]> {
  const todo = "Check the address, and the networks of both.";
  return checkAll("reach", Object.keys(settings.reach), todo, async ({ ok }, name) => {
    const target = settings.reach[name] ?? "";
    const { hostname, port, protocol } = new URL(target.includes("://") ? target : `tcp://${target}`);
    const number = port || (protocol === "https:" ? "443" : "80");
    requireSuccess(`${hostname}:${number}`, await exec("node", "-e", CONNECT_SCRIPT, hostname, number));
    return ok`${hostname}:${number}`;
  });
}

/** The lines of a log, cleaned, each of limited length and none twice; by default those that show a refused call. */
export function findLines(log: string, pattern = PERMISSION_PROBLEM): string[] {
  const lines = log.split("\n").filter((line) => pattern.test(line));
  return [...new Set(lines.map((line) => cleanLine(line, MAX_REASON)))];
}

/** Asks the gateway once, without waking an agent. */
export async function probeGateway({ fetch, clock, settings, hookToken, remaining }: StepContext): Promise<Finding> {
  const options = { timeout: remaining(10 * SECOND), setting: '"gateway" in the settings of upgrades' };
  const [check] = await checkGateway({ fetch, clock }, settings.gateway, hookToken, [], options);
  return { ...check, name: "gateway" };
}

/** Asks until the gateway answers, or no time is left for another request with its pause. */
export async function waitForGateway(context: StepContext): Promise<Finding> {
  for (;;) {
    const check = await probeGateway(context);
    if (check.status === "ok" || context.remaining() <= 2 * PAUSE) return check;
    await context.wait(PAUSE);
  }
}
