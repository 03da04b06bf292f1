/**
 * The smoke test of a gateway: it answers, an agent takes a turn and is woken, the skill and the tools are there, and
 * no check is worse than with the old version.
 */

import { randomUUID } from "node:crypto";
import { posix } from "node:path";
import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { checkGateway, postHook } from "../../functions/doctor/openclaw.ts";
import { parseSkillVerdict, toOpenclawOutput } from "../../functions/doctor/openclaw-skill.ts";
import { parseVersionOutput } from "../../functions/doctor/versions.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { openclawTasksSchema } from "../../shared/gateway-tasks.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { ProgramResult } from "../node/programs.ts";
import { inspectContainer } from "./container-checks.ts";
import {
  COMMAND_TIMEOUT,
  explainOutput,
  findAnswer,
  MAX_REASON,
  readFile,
  runOpenclaw,
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

/** Answer of `POST /hooks/agent`; 2026.2 does not wait for the run, so it has no completion. */
const wakeSchema = z.object({
  ok: z.literal(true),
  runId: z.string(),
  completion: z.object({ status: z.string() }).optional(),
});

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

const messageSchema = z.object({
  message: z.object({ role: z.string(), stopReason: z.string().optional() }),
});

/** Messages of the kernel and of Node for a call that the user, a capability or seccomp does not allow. */
const PERMISSION_PROBLEM = /\b(?:EPERM|EACCES)\b|operation not permitted|permission denied/i;

type Check = (context: StepContext, version: string) => Promise<Finding | Finding[]>;

/** The checks of a version in their order; the gateway was asked before. */
const CHECKS: Check[] = [
  checkVersion,
  checkTurn,
  checkWake,
  checkSpawn,
  checkSkill,
  checkMcp,
  inspectContainer,
  checkReach,
  countSpawned,
];

/** Tests a started version as its users see it. Costs two runs of a model. `since`: when it was started. */
export async function runSmokeTest(context: StepContext, version: string, since: Ms) {
  const findings = [await waitForGateway(context)];
  // Without a gateway every further check would only wait for its timeout.
  const checks = findings[0]?.status === "failed" ? [] : CHECKS;
  for (const check of checks) findings.push(...[await check(context, version)].flat());
  const logLines = findLines(await context.driver.readLog(since, context.remaining(COMMAND_TIMEOUT)));
  return { findings: checks.length > 0 ? [...findings, checkLog(logLines)] : findings, logLines };
}

async function checkVersion(context: StepContext, version: string): Promise<Finding> {
  const { ok, failed } = createReport("version");
  const result = await runOpenclaw(context, "--version");
  const found = parseVersionOutput(result.stdout);
  if (found === version) return ok`OpenClaw ${version} runs`;
  const detail = found === undefined ? explainOutput("openclaw --version", result) : `OpenClaw ${found} runs`;
  return failed`${detail}, instead of ${version} → Check the pinned version and the image's tag.`;
}

function checkTurn(context: StepContext): Promise<Finding> {
  return tryRepeatedly(context, () => runTurn(context, context.settings.agent, SMOKE_MESSAGE), {
    name: "agent turn",
    success: "completed a turn through the gateway",
    todo: "Look for the run in the gateway's log.",
  });
}

/** Wakes the agent as Groundcrew does, and waits until its run has used the model. */
function checkWake(context: StepContext): Promise<Finding> {
  return tryRepeatedly(context, () => tryToWake(context), {
    name: "wake",
    success: "was woken and its run ended well",
    todo: "Check hooks in OpenClaw's settings and the gateway's log.",
  });
}

/**
 * Tries what an agent should do, which says why it failed, until it works. A model may refuse once, and 2026.2 loses the
 * first wakes of a workspace.
 */
async function tryRepeatedly(
  { clock, settings: { agent } }: StepContext,
  attempt: () => Promise<string | undefined>,
  { name, success, todo }: { name: string; success: string; todo: string },
): Promise<Finding> {
  const { ok, failed } = createReport(name);
  for (let tries = 1; ; tries += 1) {
    const start = clock();
    const problem = await attempt();
    if (problem === undefined) return ok`${agent} ${success} in ${formatSeconds(clock() - start)}`;
    if (tries === TRIES) return failed`${agent}: ${problem} → ${todo}`;
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
  const turn = findAnswer(turnSchema, result);
  if (turn) return turn.status === "ok" ? undefined : `the turn ended with status ${cleanLine(turn.status, 40)}`;
  if (/falling back to embedded/i.test(result.stderr)) return "the turn ran without the gateway, which did not answer";
  return explainOutput("openclaw agent", result);
}

/** Why a wake did not arrive, or its run did not end well; undefined when all went well. */
async function tryToWake(context: StepContext): Promise<string | undefined> {
  const { clock, wait, remaining } = context;
  const before = (await listHookSessions(context)).map(({ key }) => key);
  const posted = await postWake(context, remaining(WAKE_TIMEOUT));
  if ("problem" in posted) return posted.problem;
  const status = posted.completion?.status;
  if (status !== undefined)
    return status === "ok" ? undefined : `the wake's run ended with status ${cleanLine(status, 40)}`;
  const end = clock() + remaining(WAKE_TIMEOUT) / 2;
  for (;;) {
    const sessions = await listHookSessions(context);
    for (const { transcript } of sessions.filter(({ key }) => !before.includes(key))) {
      const text = await readFile(context, transcript);
      if (text !== undefined && hasModelAnswer(text)) return undefined;
    }
    if (clock() >= end) return "the wake was accepted, but no run with an answer of the model appeared";
    await wait(WAKE_PAUSE);
  }
}

/** The sessions that hooks started, as `openclaw sessions --json` of 2026.2 lists them, and the files with what was said. */
async function listHookSessions(context: StepContext) {
  const result = await runOpenclaw(context, "sessions", "--agent", context.settings.agent, "--json");
  const { path, sessions } = findAnswer(sessionsSchema, result) ?? { path: "", sessions: [] };
  return sessions.flatMap(({ key, sessionId }) =>
    key.includes(":hook:") ? [{ key, transcript: posix.join(posix.dirname(path), `${sessionId}.jsonl`) }] : [],
  );
}

async function postWake({ fetch, settings, hookToken }: StepContext, timeout: Ms) {
  const body = {
    ...{ message: SMOKE_MESSAGE, name: "groundcrew-upgrade", agentId: settings.agent, deliver: false },
    // "now" would cost 2026.2 a second run of the model; the agent runs at once with either.
    wakeMode: "next-heartbeat",
    ...{ waitForCompletion: true, timeoutSeconds: Math.floor(timeout / SECOND) },
  };
  const headers = { "idempotency-key": randomUUID() };
  const reply = await postHook(fetch, settings.gateway, hookToken, body, { timeout, headers });
  if ("thrown" in reply) return { problem: `the gateway did not answer the wake: ${getErrorMessage(reply.thrown)}` };
  const parsed = wakeSchema.safeParse(tryParseJson(reply.text));
  if (parsed.success) return parsed.data;
  return { problem: `the gateway answered ${reply.status} ${cleanLine(reply.text, 200)}` };
}

/** Whether the model has answered in a transcript; a run that failed has no answer, or one that stopped by an error. */
export function hasModelAnswer(transcript: string): boolean {
  return transcript.split("\n").some((line) => {
    // The last line may just be being written.
    const { success, data } = messageSchema.safeParse(tryParseJson(line));
    return success && data.message.role === "assistant" && data.message.stopReason !== "error";
  });
}

/**
 * Lets one agent start another, with the log of what OpenClaw does: a system call that is refused then, by EPERM or
 * EACCES, is what an upgrade breaks first. What the ledger of 2026.9 says counts; 2026.2 has none.
 */
async function checkSpawn(context: StepContext): Promise<Finding[]> {
  const { agent, spawns } = context.settings;
  const { ok, skipped, failed } = createReport("spawned agent");
  if (spawns === undefined) return [skipped`"spawns" in the settings of upgrades names no agent`];
  const level = await runOpenclaw(context, "config", "get", "logging.level");
  const before = await readSpawnMetrics(context);
  await runOpenclaw(context, "config", "set", "logging.level", "debug");
  try {
    const problem = await runTurn(context, spawns, SPAWN_MESSAGE.replace("{agent}", agent));
    if (problem !== undefined) return [failed`${spawns}: ${problem} → Look for the run in the gateway's log.`];
  } finally {
    const back = level.status === 0 ? ["set", "logging.level", level.stdout.trim()] : ["unset", "logging.level"];
    await runOpenclaw(context, "config", ...back);
  }
  const after = await readSpawnMetrics(context);
  if (!before || !after) return [skipped`this version keeps no list of spawned agents`];
  if (after.failed > before.failed)
    return [failed`${spawns} started ${agent}, whose run failed → Run \`openclaw tasks list\`, and look into the log.`];
  if (after.total > before.total) return [ok`${spawns} started ${agent}`];
  return [skipped`${spawns} started no agent: its tools do not let it, or its model did not`];
}

/** The figures of spawned agents, for a comparison of the versions. */
async function countSpawned(context: StepContext): Promise<Finding> {
  const { ok, skipped } = createReport("recorded spawns");
  const metrics = await readSpawnMetrics(context);
  if (!metrics) return skipped`this version keeps no list of spawned agents`;
  const { total, failed, mostAtOnce, medianWaitMs, medianRunMs } = metrics;
  return ok`${total} recorded, ${failed} failed, ${mostAtOnce} at once at most; median wait
    ${formatSeconds(medianWaitMs)}, median run ${formatSeconds(medianRunMs)}`;
}

const formatSeconds = (ms: Ms | undefined) => (ms === undefined ? "not known" : `${(ms / SECOND).toFixed(1)} s`);

const readSpawnMetrics = async (context: StepContext) =>
  parseSpawnMetrics(await runOpenclaw(context, "tasks", "list", "--json"));

/** What OpenClaw's ledger says about spawned agents; undefined when this version has none. */
export function parseSpawnMetrics(result: ProgramResult) {
  const spawned = findAnswer(openclawTasksSchema, result)?.tasks.filter(({ runtime }) => runtime === "subagent");
  if (!spawned) return undefined;
  const started = spawned.flatMap(({ startedAt, ...run }) => (startedAt ? [{ ...run, startedAt }] : []));
  // One that ends when another starts does not overlap with it.
  const countAt = (time: Ms) =>
    started.filter(({ startedAt, endedAt }) => startedAt <= time && (!endedAt || endedAt > time)).length;
  return omitUndefined({
    total: spawned.length,
    failed: spawned.filter(({ status }) => /^(?:failed|timed_out|lost)$/.test(status)).length,
    mostAtOnce: Math.max(0, ...started.map(({ startedAt }) => countAt(startedAt))),
    medianWaitMs: findMedian(started.map(({ createdAt, startedAt }) => startedAt - createdAt)),
    medianRunMs: findMedian(started.flatMap(({ startedAt, endedAt }) => (endedAt ? [endedAt - startedAt] : []))),
  });
}

function findMedian(values: readonly Ms[]): Ms | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

async function checkSkill(context: StepContext): Promise<Finding> {
  const { ok, failed } = createReport("skill");
  const { skill, agent } = context.settings;
  const info = async (...more: string[]) =>
    parseSkillVerdict(toOpenclawOutput(await runOpenclaw(context, "skills", "info", skill, "--json", ...more)));
  let { kind, reason } = await info("--agent", agent);
  if (kind === "no agent option") ({ kind, reason } = await info());
  if (kind === "loaded") return ok`${skill} is loaded and eligible`;
  return failed`${skill} is ${kind}${reason === undefined ? "" : `: ${reason}`} → Run \`openclaw skills info ${skill}\`.`;
}

async function checkMcp(context: StepContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const entry of context.settings.mcp) {
    const { ok, skipped, failed } = createReport(`mcp ${entry}`);
    const probe = parseMcpProbe(entry, await runOpenclaw(context, "mcp", "probe", entry, "--json"));
    if (probe === "unsupported") findings.push(skipped`this version does not support MCP`);
    else if (typeof probe === "number") findings.push(ok`${probe} tools`);
    else findings.push(failed`${probe.problem} → Run \`openclaw mcp probe ${entry}\`.`);
  }
  return findings;
}

/** The number of an MCP entry's tools, or why it cannot be used; `unsupported` for 2026.2, which has no such command. */
export function parseMcpProbe(entry: string, result: ProgramResult): number | "unsupported" | { problem: string } {
  const probe = findAnswer(probeSchema, result);
  if (!probe) {
    if (/unknown command.{0,5}mcp/i.test(result.stderr + result.stdout)) return "unsupported";
    return { problem: explainOutput("openclaw mcp probe", result) };
  }
  const tools = probe.servers[entry]?.tools;
  if (tools !== undefined && tools > 0) return tools;
  const details = cleanLine(JSON.stringify(probe.diagnostics), MAX_REASON);
  return { problem: tools === 0 ? "it offers no tool" : `it did not answer: ${details}` };
}

/** Connects to what `reach` in the settings names, from where OpenClaw runs. Changes nothing. */
export async function checkReach({ driver, settings, remaining }: StepContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, target] of Object.entries(settings.reach)) {
    const { ok, failed } = createReport(`reach ${name}`);
    const { hostname, port, protocol } = new URL(target.includes("://") ? target : `tcp://${target}`);
    const number = Number(port || (protocol === "https:" ? "443" : "80"));
    const args = ["node", "-e", CONNECT_SCRIPT, hostname, String(number)];
    const { status, problem, stderr } = await driver.exec(args, remaining(COMMAND_TIMEOUT));
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

function checkLog({ length }: readonly string[]): Finding {
  const { ok, failed } = createReport("log");
  if (length === 0) return ok`no EPERM or EACCES since the start`;
  return failed`${length} different lines with EPERM or EACCES since the start
    → Check owner and mode of the paths first. If a system call is refused that the old version did not need, add a
    seccomp profile of your own for it; keep Docker's default otherwise.`;
}

/** A failure that the old version had as well is no reason to go back to it. */
export function judgeFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const failedBefore = new Set(before.flatMap(({ name, status }) => (status === "failed" ? [name] : [])));
  return after.map((finding) => {
    if (finding.status !== "failed" || !failedBefore.has(finding.name)) return finding;
    return { todo: "See the log.", ...finding, status: "warning", detail: `${finding.detail} (as before the upgrade)` };
  });
}

/** Asks the gateway once, without waking an agent. */
export async function probeGateway(context: StepContext): Promise<Finding> {
  const { fetch, clock, settings, hookToken } = context;
  const signal = AbortSignal.timeout(context.remaining(10 * SECOND));
  const limitedFetch: typeof fetch = (input, init) => fetch(input, { ...init, signal });
  const [check] = await checkGateway({ fetch: limitedFetch, clock }, settings.gateway, hookToken, []);
  if (!check) throw new Error("The gateway was not checked.");
  // The doctor's advice names Groundcrew's own setting; here the address is one of upgrades.
  const todo = check.todo?.replaceAll("OPENCLAW_URL", '"gateway" in the settings of upgrades');
  return { ...check, name: "gateway", ...(todo === undefined ? {} : { todo }) };
}

/** Asks until the gateway answers, or no time is left for another request with its pause. */
export async function waitForGateway(context: StepContext): Promise<Finding> {
  for (;;) {
    const check = await probeGateway(context);
    if (check.status === "ok" || context.deadline - context.clock() <= 2 * PROBE_PAUSE) return check;
    await context.wait(PROBE_PAUSE);
  }
}
