import { randomUUID } from "node:crypto";
import { reportFailure, reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { parseVersionOutput } from "../../functions/doctor/openclaw-version.ts";
import { type OpenclawOutput, parseSkillVerdict } from "../../functions/doctor/skill-verdict.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { ProgramResult } from "../runner/run-program.ts";
import type { Deadline } from "./deadline.ts";
import { type Finding, reportSkipped } from "./finding.ts";
import { explainOutput, findPermissionProblems, findTurnProblem, parseMcpProbe } from "./parse-openclaw-answers.ts";
import { probeGateway, type SmokeContext, waitForGateway } from "./probe-gateway.ts";
import type { SpawnMetrics } from "./upgrade-record.ts";
import { measureSpawns, SMOKE_MESSAGE, wakeAgent } from "./wake-agent.ts";

/** Timeout for one command of OpenClaw: 60 s. It loads all of OpenClaw first, which took 4 s on two busy cores. */
const COMMAND_TIMEOUT: Ms = 60 * SECOND;
/** Timeout for one turn of the agent: 5 minutes. With a model that answers at once 2026.9 took 2 on an overloaded machine. */
const TURN_TIMEOUT: Ms = 300 * SECOND;

export interface SmokeResult {
  findings: Finding[];
  spawn: SpawnMetrics;
  logLines: string[];
}

/** Tests a started version as its users see it. Costs two runs of a model. `since`: when it was started. */
export async function runSmokeTest(
  context: SmokeContext,
  version: string,
  since: Ms,
  deadline: Deadline,
): Promise<SmokeResult> {
  const { driver, clock } = context;
  const gateway = await waitForGateway(context, deadline);
  // Without a gateway every further check would only wait for its timeout.
  if (gateway.status === "failed") return { findings: [gateway], spawn: {}, logLines: await readProblems(since) };
  const findings = [gateway, await checkVersion(context, version, deadline)];
  const turnStart = clock();
  const turn = await checkTurn(context, deadline);
  const turnMs = clock() - turnStart;
  const wakeStart = clock();
  const wake = await wakeAgent(context, deadline);
  const wakeMs = clock() - wakeStart;
  findings.push(turn, wake, await checkSkill(context, deadline), ...(await checkMcp(context, deadline)));
  findings.push(...(await driver.inspectProcesses(deadline.remaining(COMMAND_TIMEOUT))));
  findings.push(...(await driver.checkReach(deadline.remaining(COMMAND_TIMEOUT))));
  const logLines = await readProblems(since);
  findings.push(checkLog(logLines));
  const spawned = await measureSpawns(context, deadline);
  const spawn = {
    ...(turn.status === "ok" ? { turnMs } : {}),
    ...(wake.status === "ok" ? { wakeMs } : {}),
    ...(spawned === undefined ? {} : { spawned }),
  };
  return { findings, spawn, logLines };

  async function readProblems(from: Ms): Promise<string[]> {
    return findPermissionProblems(await driver.readLog(from, deadline.remaining(COMMAND_TIMEOUT)));
  }
}

/** Checks after a rollback: cheap, because it must be quick, and without a run of a model. */
export async function checkOldVersion(context: SmokeContext, version: string, deadline: Deadline): Promise<Finding[]> {
  const pinned = context.driver.readPinned();
  return [
    pinned === version
      ? reportOk("version", `${version} is pinned`)
      : reportFailure("version", `${pinned} is pinned instead of ${version}`, "Pin it by hand."),
    await probeGateway(context, deadline),
  ];
}

async function checkVersion({ driver }: SmokeContext, version: string, deadline: Deadline): Promise<Finding> {
  const timeout = deadline.remaining(COMMAND_TIMEOUT);
  const result = await driver.runOpenclaw(["--version"], { timeout, running: true });
  const found = parseVersionOutput(result.stdout);
  if (found === version) return reportOk("version", `OpenClaw ${version} runs`);
  const detail = found === undefined ? explainOutput("openclaw --version", result) : `OpenClaw ${found} runs`;
  return reportFailure("version", `${detail}, instead of ${version}`, "Check the pinned version and the image's tag.");
}

async function checkTurn({ driver, settings }: SmokeContext, deadline: Deadline): Promise<Finding> {
  const timeout = deadline.remaining(TURN_TIMEOUT);
  const seconds = String(Math.ceil(timeout / SECOND));
  const session = ["--agent", settings.agent, "--session-id", randomUUID()];
  const args = ["agent", ...session, "--message", SMOKE_MESSAGE, "--json", "--timeout", seconds];
  const problem = findTurnProblem(await driver.runOpenclaw(args, { timeout, running: true }));
  if (problem === undefined) return reportOk("agent turn", `${settings.agent} completed a turn through the gateway`);
  return reportFailure("agent turn", `${settings.agent}: ${problem}`, "Look for the run in the gateway's log.");
}

async function checkSkill({ driver, settings }: SmokeContext, deadline: Deadline): Promise<Finding> {
  const { skill, agent } = settings;
  const info = async (more: string[]) => {
    const timeout = deadline.remaining(COMMAND_TIMEOUT);
    const result = await driver.runOpenclaw(["skills", "info", skill, "--json", ...more], { timeout, running: true });
    return parseSkillVerdict(toOutput(result, timeout));
  };
  let verdict = await info(["--agent", agent]);
  if (verdict.kind === "no agent option") verdict = await info([]);
  if (verdict.kind === "loaded") return reportOk("skill", `${skill} is loaded and eligible`);
  const reason = "missing" in verdict ? `: ${verdict.missing.join(", ")}` : "why" in verdict ? `: ${verdict.why}` : "";
  return reportFailure("skill", `${skill} is ${verdict.kind}${reason}`, `Run \`openclaw skills info ${skill}\`.`);
}

function toOutput({ status, stdout, stderr, problem }: ProgramResult, ms: Ms): OpenclawOutput {
  if (status !== undefined) return { kind: "exited", code: status, out: stdout, err: stderr };
  return problem?.startsWith("no end within") ? { kind: "timeout", ms } : { kind: "not started", why: problem ?? "" };
}

async function checkMcp({ driver, settings }: SmokeContext, deadline: Deadline): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const entry of settings.mcp) {
    const timeout = deadline.remaining(COMMAND_TIMEOUT);
    const result = await driver.runOpenclaw(["mcp", "probe", entry, "--json"], { timeout, running: true });
    const probe = parseMcpProbe(entry, result);
    const name = `mcp ${entry}`;
    if (probe === "unsupported") findings.push(reportSkipped(name, "this version does not support MCP"));
    else if (typeof probe === "number") findings.push(reportOk(name, `${probe} tools`));
    else findings.push(reportFailure(name, probe.problem, `Run \`openclaw mcp probe ${entry}\`.`));
  }
  return findings;
}

function checkLog(lines: readonly string[]): Finding {
  if (lines.length === 0) return reportOk("log", "no EPERM or EACCES since the start");
  return reportFailure(
    "log",
    `${lines.length} different lines with EPERM or EACCES since the start`,
    "Check owner and mode of the paths first. If a system call is refused that the old version did not need, add a seccomp profile of your own for it; keep Docker's default otherwise.",
  );
}

/** What worked before and fails now: the failures of the new version that the old one did not have. */
export function findRegressions(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const failedBefore = new Set(before.flatMap(({ name, status }) => (status === "failed" ? [name] : [])));
  return after.filter(({ name, status }) => status === "failed" && !failedBefore.has(name));
}

/** A failure that the old version had as well is no reason to go back to it. */
export function judgeFindings(before: readonly Finding[], after: readonly Finding[]): Finding[] {
  const regressions = new Set(findRegressions(before, after));
  return after.map((finding) =>
    finding.status !== "failed" || regressions.has(finding)
      ? finding
      : reportWarning(finding.name, `${finding.detail} (as before the upgrade)`, finding.todo ?? "See the log."),
  );
}
