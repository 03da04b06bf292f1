/** The smoke test of a version that runs: what worked with the old version must work with the new one. */

import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { z } from "zod";
import { createReport, type Finding, type FindingReport } from "../../functions/doctor/findings.ts";
import { checkGateway, postHook } from "../../functions/doctor/openclaw.ts";
import { findAnswer, parseSkillVerdict, toOpenclawOutput } from "../../functions/doctor/openclaw-skill.ts";
import { parseVersionOutput } from "../../functions/doctor/versions.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { openclawTasksSchema } from "../../shared/gateway-tasks.ts";
import { omitUndefined, readPath } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { type ProgramResult, requireSuccess } from "../node/programs.ts";
import {
  type Check,
  COMMAND_TIMEOUT,
  explainOutput,
  MAX_REASON,
  readFile,
  reportEach,
  runChecks,
  type StepContext,
} from "./upgrade-driver.ts";

/** Timeout for one turn of the agent: 5 minutes. With a model that answers at once 2026.9 took 2 on an overloaded machine. */
const TURN_TIMEOUT: Ms = 300 * SECOND;

/** Timeout for one wake until its run has ended: 90 s. */
const WAKE_TIMEOUT: Ms = 90 * SECOND;

/** Pause between two looks at the sessions: 2 s. */
const WAKE_PAUSE: Ms = 2 * SECOND;

/** What the agent is asked. It names no task, so that nothing else happens. */
const SMOKE_MESSAGE = "This is a check of an upgrade. Use no tool and change nothing. Reply with the word OK.";

/** What the starting agent is asked. */
const SPAWN_MESSAGE =
  "This is a check of an upgrade. Call sessions_spawn once, with the agent {agent} and the task: reply with the word OK. Then reply with the word OK.";

/** Connects from where OpenClaw runs; host and port are arguments, never part of the program. */
const CONNECT_SCRIPT =
  'const s=require("node:net").connect({host:process.argv[1],port:+process.argv[2]},()=>process.exit(0));' +
  's.on("error",(e)=>{console.error(e.code);process.exit(1)});s.setTimeout(5000,()=>{console.error("timeout");process.exit(1)})';

/** Tries of a turn and of a wake before they count as failed: 3. */
const TRIES = 3;

/** Pause between two requests to a gateway that starts: 1 s; starting took 8 to 60 s on two busy cores. */
const PROBE_PAUSE: Ms = SECOND;

/** Answer of `openclaw agent --json` through the gateway. One of a run without the gateway has no status. */
const turnSchema = z.object({ runId: z.string(), status: z.string() });

const probeSchema = z.object({
  servers: z.record(z.string(), z.object({ tools: z.number() })),
  diagnostics: z.array(z.unknown()).default([]),
});

const sessionsSchema = z.object({
  path: z.string(),
  // The id becomes part of a path.
  sessions: z.array(z.object({ key: z.string(), sessionId: z.string().regex(/^[\w-]{1,100}$/) })),
});

/** Messages of the kernel and of Node for a call that the user, a capability or seccomp does not allow. */
const PERMISSION_PROBLEM = /\b(?:EPERM|EACCES)\b|operation not permitted|permission denied/i;

/** Bits of CAP_CHOWN, CAP_SETGID and CAP_SETUID (`include/uapi/linux/capability.h`). */
const ALLOWED_MASK = (1n << 0n) | (1n << 6n) | (1n << 7n);

/** Format for GNU find's `-printf` that `parseWorkspaceEntries` reads; paths may contain anything but NUL. */
const FIND_FORMAT = "%U:%G %m %y %p\\0";

/** Limit of names in a finding. */
const MAX_NAMES = 5;

/** The checks of a version in their order; the gateway was asked before. */
const CHECKS: Record<string, Check<[context: StepContext, version: string]>> = {
  async version({ ok, failed }, { openclaw }, version) {
    const result = await openclaw("--version");
    const found = parseVersionOutput(result.stdout);
    if (found === version) return ok`OpenClaw ${version} runs`;
    const detail = found === undefined ? explainOutput("openclaw --version", result) : `OpenClaw ${found} runs`;
    return failed`${detail}, instead of ${version} → Check the pinned version and the image's tag.`;
  },
  "agent turn": (report, context) =>
    tryRepeatedly(report, context, "completed a turn through the gateway", () =>
      runTurn(context, context.settings.agent, SMOKE_MESSAGE),
    ),
  wake: (report, context) =>
    tryRepeatedly(report, context, "was woken and its run ended well", () => tryToWake(context)),
  // With the debug log: a system call that is refused then, by EPERM or EACCES, is what an upgrade breaks first.
  async "spawned agent"({ ok, skipped, failed }, context) {
    const { openclaw } = context;
    const { agent, spawns } = context.settings;
    if (spawns === undefined) return skipped`"spawns" in the settings of upgrades names no agent`;
    const level = await openclaw("config", "get", "logging.level");
    const before = await readSpawnMetrics(context);
    await openclaw("config", "set", "logging.level", "debug");
    try {
      const problem = await runTurn(context, spawns, SPAWN_MESSAGE.replace("{agent}", agent));
      if (problem !== undefined) return failed`${spawns}: ${problem} → Look for the run in the gateway's log.`;
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
  async mcp(_, { openclaw, settings }) {
    const findings: Finding[] = [];
    for (const entry of settings.mcp) {
      const { ok, skipped, failed } = createReport(`mcp ${entry}`);
      const probe = parseMcpProbe(entry, await openclaw("mcp", "probe", entry, "--json"));
      if (probe === "unsupported") findings.push(skipped`this version does not support MCP`);
      else if (typeof probe === "number") findings.push(ok`${probe} tools`);
      else findings.push(failed`${probe.problem} → Run \`openclaw mcp probe ${entry}\`.`);
    }
    return findings;
  },
  async processes({ skipped }, { driver, exec }) {
    if (driver.kind === "npm") return skipped`only the compose driver checks containers`;
    // A process may end while its file is read, so the exit code says nothing.
    const { stdout } = await exec("sh", "-c", "cat /proc/[0-9]*/status");
    return checkProcesses(parseProcessStatus(stdout), driver.owner);
  },
  async workspace({ skipped }, { driver: { workspaces, owner }, exec }) {
    if (workspaces.length === 0) return skipped`"workspaces" names none`;
    const found = await exec("find", ...workspaces, "-maxdepth", "2", "-printf", FIND_FORMAT);
    return checkWorkspace(parseWorkspaceEntries(requireSuccess("find", found)), owner);
  },
  reach: (_, context) => checkReach(context),
  async "recorded spawns"({ ok, skipped }, context) {
    const metrics = await readSpawnMetrics(context);
    if (!metrics) return skipped`this version keeps no list of spawned agents`;
    const { total, failed, mostAtOnce, medianWaitMs, medianRunMs } = metrics;
    return ok`${total} recorded, ${failed} failed, ${mostAtOnce} at once at most; median wait
      ${formatSeconds(medianWaitMs)}, median run ${formatSeconds(medianRunMs)}`;
  },
};

/** Tests a started version as its users see it. Costs two runs of a model. `since`: when it was started. */
export async function runSmokeTest(context: StepContext, version: string, since: Ms) {
  const gateway = await waitForGateway(context);
  const readLog = async () => findLines(await context.driver.readLog(since, context.remaining(COMMAND_TIMEOUT)));
  // Without a gateway every further check would only wait for its timeout.
  if (gateway.status === "failed") return { findings: [gateway], logLines: await readLog() };
  const findings = await runChecks(CHECKS, "Look into the container or folder by hand.", context, version);
  const logLines = await readLog();
  const { ok, failed } = createReport("log");
  const log = failed`${logLines.length} different lines with EPERM or EACCES since the start
    → Check owner and mode of the paths first. If a system call is refused that the old version did not need, add a
    seccomp profile of your own for it; keep Docker's default otherwise.`;
  const last = logLines.length > 0 ? log : ok`no EPERM or EACCES since the start`;
  return { findings: [gateway, ...findings, last], logLines };
}

/** A failure that the old version had as well is no reason to go back to it. */
export function judgeFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const failedBefore = new Set(before.flatMap(({ name, status }) => (status === "failed" ? [name] : [])));
  return after.map((finding) => {
    if (finding.status !== "failed" || !failedBefore.has(finding.name)) return finding;
    return { todo: "See the log.", ...finding, status: "warning", detail: `${finding.detail} (as before the upgrade)` };
  });
}

/** Tries something until it works: a model may refuse once, and 2026.2 loses the first wakes of a workspace. */
async function tryRepeatedly(
  { ok, failed }: FindingReport,
  { clock, settings: { agent } }: StepContext,
  success: string,
  attempt: () => Promise<string | undefined>,
): Promise<Finding> {
  for (let tries = 1; ; tries += 1) {
    const start = clock();
    const problem = await attempt();
    if (problem === undefined) return ok`${agent} ${success} in ${formatSeconds(clock() - start)}`;
    if (tries === TRIES)
      return failed`${agent}: ${problem} → Look into the gateway's log; a wake also needs hooks in OpenClaw's settings.`;
  }
}

/** Why a turn of an agent did not end well; undefined when it did. */
async function runTurn({ driver, remaining }: StepContext, agent: string, message: string) {
  const timeout = remaining(TURN_TIMEOUT);
  const seconds = String(Math.ceil(timeout / SECOND));
  const session = ["--agent", agent, "--session-id", randomUUID()];
  const args = ["agent", ...session, "--message", message, "--json", "--timeout", seconds];
  return findTurnProblem(await driver.runOpenclaw(args, timeout));
}

/** Why the agent's turn did not run through the gateway; undefined when it did. */
export function findTurnProblem(result: ProgramResult): string | undefined {
  const turn = findAnswer(turnSchema, result.stdout);
  if (turn) return turn.status === "ok" ? undefined : `the turn ended with status ${cleanLine(turn.status, 40)}`;
  if (/falling back to embedded/i.test(result.stderr)) return "the turn ran without the gateway, which did not answer";
  return explainOutput("openclaw agent", result);
}

/** Wakes the agent as Groundcrew does. Why the wake did not arrive, or its run did not end well; undefined when all went well. */
async function tryToWake(context: StepContext): Promise<string | undefined> {
  const { clock, wait, remaining, fetch, settings, hookToken } = context;
  const before = (await listHookSessions(context)).map(({ key }) => key);
  const timeout = remaining(WAKE_TIMEOUT);
  const body = {
    ...{ message: SMOKE_MESSAGE, name: "groundcrew-upgrade", agentId: settings.agent, deliver: false },
    // "now" would cost 2026.2 a second run of the model; the agent runs at once with either.
    ...{ wakeMode: "next-heartbeat", waitForCompletion: true, timeoutSeconds: Math.floor(timeout / SECOND) },
  };
  const headers = { "idempotency-key": randomUUID() };
  const reply = await postHook(fetch, settings.gateway, hookToken, body, { timeout, headers });
  if ("thrown" in reply) return `the gateway did not answer the wake: ${getErrorMessage(reply.thrown)}`;
  const answer = tryParseJson(reply.text);
  if (readPath(answer, "ok") !== true) return `the gateway answered ${reply.status} ${cleanLine(reply.text, 200)}`;
  // 2026.2 does not wait for the run, so it has no completion.
  const status = readPath(answer, "completion.status");
  if (status === "ok") return undefined;
  if (status !== undefined) return `the wake's run ended with status ${cleanLine(String(status), 40)}`;
  for (const end = clock() + remaining(WAKE_TIMEOUT) / 2; ; await wait(WAKE_PAUSE)) {
    const sessions = await listHookSessions(context);
    for (const { transcript } of sessions.filter(({ key }) => !before.includes(key)))
      if (hasModelAnswer((await readFile(context, transcript)) ?? "")) return undefined;
    if (clock() >= end) return "the wake was accepted, but no run with an answer of the model appeared";
  }
}

/** The sessions that hooks started, as `openclaw sessions --json` of 2026.2 lists them, and the files with what was said. */
async function listHookSessions({ openclaw, settings }: StepContext) {
  const { stdout } = await openclaw("sessions", "--agent", settings.agent, "--json");
  const { path, sessions } = findAnswer(sessionsSchema, stdout) ?? { path: "", sessions: [] };
  return sessions.flatMap(({ key, sessionId }) =>
    key.includes(":hook:") ? [{ key, transcript: posix.join(posix.dirname(path), `${sessionId}.jsonl`) }] : [],
  );
}

/** Whether the model has answered in a transcript; a run that failed has no answer, or one that stopped by an error. */
export function hasModelAnswer(transcript: string): boolean {
  return transcript.split("\n").some((line) => {
    // The last line may just be being written.
    const message = readPath(tryParseJson(line), "message");
    return readPath(message, "role") === "assistant" && readPath(message, "stopReason") !== "error";
  });
}

const formatSeconds = (ms: Ms | undefined) => (ms === undefined ? "not known" : `${(ms / SECOND).toFixed(1)} s`);

const readSpawnMetrics = async ({ openclaw }: StepContext) =>
  parseSpawnMetrics(await openclaw("tasks", "list", "--json"));

/** What OpenClaw's ledger says about spawned agents; undefined when this version has none. */
export function parseSpawnMetrics({ stdout }: ProgramResult) {
  const spawned = findAnswer(openclawTasksSchema, stdout)?.tasks.filter(({ runtime }) => runtime === "subagent");
  if (!spawned) return undefined;
  const started = spawned.flatMap(({ startedAt, ...run }) => (startedAt ? [{ ...run, startedAt }] : []));
  // One that ends when another starts does not overlap with it.
  const countAt = (time: Ms) =>
    started.filter(({ startedAt, endedAt }) => startedAt <= time && (!endedAt || endedAt > time)).length;
  const findMedian = (values: Ms[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  return omitUndefined({
    total: spawned.length,
    failed: spawned.filter(({ status }) => /^(?:failed|timed_out|lost)$/.test(status)).length,
    mostAtOnce: Math.max(0, ...started.map(({ startedAt }) => countAt(startedAt))),
    medianWaitMs: findMedian(started.map(({ createdAt, startedAt }) => startedAt - createdAt)),
    medianRunMs: findMedian(started.flatMap(({ startedAt, endedAt }) => (endedAt ? [endedAt - startedAt] : []))),
  });
}

/** The number of an MCP entry's tools, or why it cannot be used; `unsupported` for 2026.2, which has no such command. */
export function parseMcpProbe(entry: string, result: ProgramResult): number | "unsupported" | { problem: string } {
  const probe = findAnswer(probeSchema, result.stdout);
  if (!probe) {
    if (/unknown command.{0,5}mcp/i.test(result.stderr + result.stdout)) return "unsupported";
    return { problem: explainOutput("openclaw mcp probe", result) };
  }
  const tools = probe.servers[entry]?.tools;
  if (tools) return tools;
  const details = cleanLine(JSON.stringify(probe.diagnostics), MAX_REASON);
  return { problem: tools === 0 ? "it offers no tool" : `it did not answer: ${details}` };
}

/** Parses the status files of several processes, one after the other. Throws for anything else. */
export function parseProcessStatus(text: string) {
  if (!text.startsWith("Name:\t")) throw new Error("no process could be read");
  return text.split(/^(?=Name:\t)/m).map((block) => {
    // A process may choose its name, but not add lines: the kernel escapes line ends in it. The first of two counts.
    const read = (name: string, form: RegExp) => {
      const value = new RegExp(`^${name}:\\t[ \\t]*(.*)$`, "m").exec(block)?.[1] ?? "";
      if (form.test(value)) return value;
      throw new Error(`the status of a process has no valid ${name}`);
    };
    /** The real, effective, saved and file system id of a user or group. */
    const readIds = (name: string) =>
      read(name, /^\d+(?:\t\d+){3}$/)
        .split("\t")
        .map(Number);
    const readMask = (name: string) => BigInt(`0x${read(name, /^[0-9a-f]{16}$/)}`);
    return {
      ...{ Name: read("Name", /./), Uid: readIds("Uid"), Gid: readIds("Gid") },
      /** The capabilities that it has, and those that it could get. */
      capabilities: readMask("CapEff") | readMask("CapBnd"),
      /** 0 none, 1 strict, 2 filter. */
      seccomp: read("Seccomp", /^[012]$/),
    };
  });
}

type ProcessStatus = ReturnType<typeof parseProcessStatus>[number];

/** Checks that all processes run as this `uid:gid`, with the allowed capabilities at most, under a seccomp filter. */
export function checkProcesses(processes: readonly ProcessStatus[], owner: string): Finding[] {
  const [uid, gid] = owner.split(":").map(Number);
  /** The names of the processes for which this is so. */
  const list = (isBad: (status: ProcessStatus) => boolean) =>
    [...new Set(processes.filter(isBad).map(({ Name }) => Name))].join(", ");
  const foreign = list(({ Uid, Gid }) => Uid.some((one) => one !== uid) || Gid.some((one) => one !== gid));
  const strong = list(({ capabilities }) => (capabilities & ~ALLOWED_MASK) !== 0n);
  const open = list(({ seccomp }) => seccomp !== "2");
  return reportEach({
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
  });
}

/** Parses the output of `find … -printf FIND_FORMAT`. Throws for anything else. */
export function parseWorkspaceEntries(output: string) {
  if (output !== "" && !output.endsWith("\0")) throw new Error("the list of the workspace was cut off");
  return output
    .split("\0")
    .slice(0, -1)
    .map((line) => {
      const [, owner, mode, kind, path] = /^(\d+:\d+) ([0-7]{1,4}) (\w) ([\s\S]+)$/.exec(line) ?? [];
      if (!owner || !mode || !kind || !path) throw new Error("the list of the workspace cannot be read");
      return { owner, mode: Number.parseInt(mode, 8), kind, path };
    });
}

type WorkspaceEntry = ReturnType<typeof parseWorkspaceEntries>[number];

/** Checks that the workspaces belong to OpenClaw's user, who can use them, and that not everyone can write there. */
export function checkWorkspace(entries: readonly WorkspaceEntry[], owner: string): Finding {
  const { ok, warning, failed } = createReport("workspace");
  const real = entries.filter(({ kind }) => kind !== "l");
  /** The paths of the entries for which this is so, "" when there are none. */
  const list = (isBad: (entry: WorkspaceEntry) => boolean) => {
    const paths = real.filter(isBad).map(({ path }) => cleanLine(path, 100));
    const more = paths.splice(MAX_NAMES).length;
    return more > 0 ? `${paths.join(", ")} and ${more} more` : paths.join(", ");
  };
  const foreign = list((entry) => entry.owner !== owner);
  if (foreign) return failed`not owned by ${owner}: ${foreign} → Run \`chown -R ${owner}\` there.`;
  const closed = list(({ kind, mode }) => kind === "d" && (mode & 0o700) !== 0o700);
  if (closed) return failed`its owner cannot use: ${closed} → Run \`chmod u+rwx\` there.`;
  const open = list(({ mode }) => (mode & 0o002) !== 0 && (mode & 0o1000) === 0);
  if (open) return warning`everyone can write: ${open} → Run \`chmod o-w\` there.`;
  return ok`${real.length} files and folders of ${owner}`;
}

/** Connects to what `reach` in the settings names, from where OpenClaw runs. Changes nothing. */
export async function checkReach({ exec, settings }: StepContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, target] of Object.entries(settings.reach)) {
    const { ok, failed } = createReport(`reach ${name}`);
    const { hostname, port, protocol } = new URL(target.includes("://") ? target : `tcp://${target}`);
    const number = port || (protocol === "https:" ? "443" : "80");
    const { status, problem, stderr } = await exec("node", "-e", CONNECT_SCRIPT, hostname, number);
    const place = `${hostname}:${number}`;
    const reason = problem ?? cleanLine(stderr, 100);
    findings.push(
      status === 0 ? ok`${place}` : failed`${place}: ${reason} → Check the address, and the networks of both.`,
    );
  }
  return findings;
}

/** The lines of a log, cleaned, each of limited length and none twice; by default those that show a refused call. */
export function findLines(log: string, pattern = PERMISSION_PROBLEM): string[] {
  const lines = log.split("\n").filter((line) => pattern.test(line));
  return [...new Set(lines.map((line) => cleanLine(line, MAX_REASON)))];
}

/** Asks the gateway once, without waking an agent. */
export async function probeGateway(context: StepContext): Promise<Finding> {
  const { fetch, clock, settings, hookToken } = context;
  const signal = AbortSignal.timeout(context.remaining(10 * SECOND));
  const limitedFetch: typeof fetch = (input, init) => fetch(input, { ...init, signal });
  const [check] = await checkGateway({ fetch: limitedFetch, clock }, settings.gateway, hookToken, []);
  // The doctor's advice names Groundcrew's own setting; here the address is one of upgrades.
  const todo = check.todo?.replaceAll("OPENCLAW_URL", '"gateway" in the settings of upgrades');
  return { ...check, name: "gateway", ...omitUndefined({ todo }) };
}

/** Asks until the gateway answers, or no time is left for another request with its pause. */
export async function waitForGateway(context: StepContext): Promise<Finding> {
  for (;;) {
    const check = await probeGateway(context);
    if (check.status === "ok" || context.remaining() <= 2 * PROBE_PAUSE) return check;
    await context.wait(PROBE_PAUSE);
  }
}
