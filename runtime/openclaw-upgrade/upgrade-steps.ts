import { randomUUID } from "node:crypto";
import { createReadStream, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { reportOk } from "../../functions/doctor/check.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { HOUR, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { hashChunks } from "../node/hash-chunks.ts";
import { describeFailure, runProgram } from "../runner/run-program.ts";
import { checkUpgrade } from "./check-upgrade.ts";
import type { Deadline } from "./deadline.ts";
import { type Finding, hasFailure } from "./finding.ts";
import { readOpenclawSettings } from "./openclaw-settings-file.ts";
import { findLastLines } from "./parse-openclaw-answers.ts";
import { waitForGateway } from "./probe-gateway.ts";
import { ROLLBACK_TIMEOUTS } from "./rollback-steps.ts";
import { judgeFindings, runSmokeTest } from "./smoke-test.ts";
import { applyLimits } from "./spawn-limits.ts";
import type { UpgradeContext } from "./upgrade-context.ts";
import type { UpgradeRecord } from "./upgrade-record.ts";

/** What a step found, and what it adds to the record. A failed finding ends the upgrade. */
interface StepResult {
  findings: Finding[];
  change?: Partial<UpgradeRecord>;
}

interface UpgradeStep {
  name: string;
  /** What it does, for the plan of a dry run. */
  title: (record: Pick<UpgradeRecord, "from" | "to">) => string;
  timeout: Ms;
  run: (context: UpgradeContext, record: UpgradeRecord, deadline: Deadline) => Promise<StepResult>;
}

/** Time that OpenClaw gets to stop before a backup: 60 s, because nothing is urgent yet. */
const STOP_TIMEOUT: Ms = 60 * SECOND;

/** Limit of the log's lines in the record. */
const MAX_LOG_LINES = 50;

/** Ending of a backup that is being written. */
const DRAFT_ENDING = ".partial";

/**
 * The steps of an upgrade, in order. Each can run again after it was interrupted: until `pin` the state belongs to the
 * old version, and what comes after reads or sets the same values again.
 */
export const UPGRADE_STEPS: readonly UpgradeStep[] = [
  {
    name: "check",
    title: () => "check the installation",
    timeout: 10 * MINUTE,
    run: async (context, { from, to }, deadline) => ({ findings: await checkUpgrade(context, { from, to }, deadline) }),
  },
  {
    name: "fetch",
    title: ({ to }) => `fetch ${to} beside the running version`,
    timeout: HOUR,
    async run({ driver }, { to }, deadline) {
      await driver.fetchVersion(to, deadline.remaining());
      return { findings: [reportOk("fetch", `${to} is on this machine`)] };
    },
  },
  {
    name: "scan",
    title: () => "scan both images, if trivy or grype is installed",
    timeout: HOUR,
    async run({ driver }, { from, to }, deadline) {
      const before = await driver.scanImage(from, deadline.remaining());
      const after = await driver.scanImage(to, deadline.remaining());
      return { findings: [], change: { scans: { from: before, to: after } } };
    },
  },
  {
    name: "baseline",
    title: ({ from }) => `test ${from} as the new version will be tested`,
    timeout: 20 * MINUTE,
    async run(context, record, deadline) {
      const since = context.clock();
      const { findings, spawn } = await runSmokeTest(context, record.from, since, deadline);
      return { findings, change: { spawn: { ...record.spawn, from: spawn } } };
    },
  },
  {
    name: "backup",
    title: () => "stop OpenClaw and back up state and workspaces",
    timeout: 15 * MINUTE,
    run: backUpState,
  },
  {
    name: "pin",
    title: ({ to }) => `pin ${to}`,
    timeout: MINUTE,
    async run({ driver }, { to }) {
      driver.pin(to);
      return { findings: [reportOk("pin", `${to} is pinned`)] };
    },
  },
  {
    name: "deploy",
    title: ({ to }) => `start ${to}`,
    timeout: 10 * MINUTE,
    async run(context, _record, deadline) {
      const since = context.clock();
      await context.driver.start(deadline.remaining());
      const gateway = await waitForGateway(context, deadline);
      if (gateway.status !== "failed") return { findings: [gateway] };
      const log = await context.driver.readLog(since, 20 * SECOND);
      return { findings: [gateway], change: { logLines: findLastLines(log, MAX_LOG_LINES) } };
    },
  },
  {
    name: "limits",
    title: () => "set the limits of spawned agents in OpenClaw's settings",
    timeout: 15 * MINUTE,
    run: setLimits,
  },
  {
    name: "smoke",
    title: ({ to }) => `test ${to}; roll back when something fails that worked before`,
    timeout: 20 * MINUTE,
    async run(context, record, deadline) {
      const deployedAt = record.steps.find(({ name }) => name === "deploy")?.startedAt ?? context.clock();
      const { findings, spawn, logLines } = await runSmokeTest(context, record.to, deployedAt, deadline);
      const before = record.steps.find(({ name }) => name === "baseline")?.findings ?? [];
      return {
        findings: judgeFindings(before, findings),
        change: { spawn: { ...record.spawn, to: spawn }, logLines: logLines.slice(0, MAX_LOG_LINES) },
      };
    },
  },
];

/** Whether a failed finding of this step ends the upgrade: the old version's own failures are only the standard. */
export function endsUpgrade(step: string, findings: readonly Finding[]): boolean {
  if (step !== "baseline") return hasFailure(findings);
  return findings.some(({ name, status }) => name === "gateway" && status === "failed");
}

/**
 * Sets the limits with the new version while it runs, because its own start brings the old settings into its form: before
 * that, its command refuses them. 2026.2 reads them only when it starts.
 */
async function setLimits(context: UpgradeContext, record: UpgradeRecord, deadline: Deadline): Promise<StepResult> {
  const { driver, settings } = context;
  // An interrupted attempt may have left the gateway stopped, or with settings that it has not read.
  const isRepeated = record.steps.some(({ name }) => name === "limits");
  if (isRepeated) {
    await driver.start(deadline.remaining());
    await waitForGateway(context, deadline);
  }
  const config = await readOpenclawSettings(context, deadline);
  const { changes, findings } = await applyLimits(driver, config, settings.limits, deadline);
  if (changes === 0 && !isRepeated) return { findings };
  await driver.stop(deadline.remaining(STOP_TIMEOUT));
  await driver.start(deadline.remaining());
  return { findings: [...findings, await waitForGateway(context, deadline)] };
}

async function backUpState(context: UpgradeContext, record: UpgradeRecord, deadline: Deadline): Promise<StepResult> {
  const { driver, clock, env } = context;
  if (driver.readPinned() !== record.from)
    throw new Error(`${driver.readPinned()} is pinned instead of ${record.from}`);
  const folder = context.records.openRunFolder(record.id);
  const archive = join(folder, "state.tar.gz");
  // A run that was killed may have left a program that still writes its own draft.
  for (const name of readdirSync(folder)) if (name.endsWith(DRAFT_ENDING)) rmSync(join(folder, name), { force: true });
  const draft = join(folder, `${randomUUID()}${DRAFT_ENDING}`);
  await driver.stop(deadline.remaining(STOP_TIMEOUT));
  const start = clock();
  await driver.backUp(draft, deadline.remaining());
  const ms = clock() - start;
  // Unpacking takes less than packing with compression, so this is a bound for the way back.
  if (ms > ROLLBACK_TIMEOUTS.restore)
    throw new Error(
      `the backup took ${Math.ceil(ms / SECOND)} s, so a rollback would take more than 2 minutes. Move large files out of state and workspaces, then try again`,
    );
  const listing = await runProgram("tar", ["-t", "-z", "-f", draft], { env, timeoutMs: deadline.remaining() });
  if (listing.status !== 0) throw new Error(cleanLine(describeFailure("tar", listing), 300));
  renameSync(draft, archive);
  const backup = { archive, sha256: await hashChunks(createReadStream(archive)), bytes: statSync(archive).size, ms };
  const detail = `${backup.bytes} bytes in ${(ms / SECOND).toFixed(1)} s`;
  return { findings: [reportOk("backup", detail)], change: { backup } };
}
