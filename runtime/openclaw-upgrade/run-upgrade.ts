import { GroundcrewError } from "../../shared/errors.ts";
import { MINUTE } from "../../shared/time.ts";
import { checkUpgrade } from "./check-upgrade.ts";
import { runWithDeadline } from "./deadline.ts";
import type { Finding } from "./finding.ts";
import { renderUpgradeReport } from "./render-upgrade-report.ts";
import { ROLLBACK_STEPS } from "./rollback-steps.ts";
import { runRollbackSteps, runUpgradeSteps } from "./run-steps.ts";
import type { UpgradeContext } from "./upgrade-context.ts";
import { hasChangedInstallation, type UpgradeRecord } from "./upgrade-record.ts";
import { UPGRADE_STEPS } from "./upgrade-steps.ts";

/** What a command did. `changed`: steps that changed the installation, 0 when there was nothing to do. */
export interface UpgradeOutcome {
  state: UpgradeRecord["state"] | "checked" | "planned" | "nothing to do";
  changed: number;
  record?: UpgradeRecord;
  findings?: Finding[];
  plan?: string[];
  /** Path of the report. */
  report?: string;
}

interface Versions {
  from: string;
  to: string;
}

/** Steps that change the installation, for the count of changes. */
const CHANGING = new Set(["fetch", "pin", "limits", "deploy", "unpin", "restore", "start"]);

/** Checks an upgrade and changes nothing, not even the record. */
export async function checkOnly(context: UpgradeContext, versions: Versions): Promise<UpgradeOutcome> {
  const findings = await runWithDeadline(10 * MINUTE, context, (deadline) => checkUpgrade(context, versions, deadline));
  return { state: "checked", changed: 0, findings };
}

/** Lists what an upgrade would do. Changes nothing and runs nothing. */
export function planUpgrade(context: UpgradeContext, versions: Versions): UpgradeOutcome {
  const record = findUnfinished(context, versions);
  const pinned = context.driver.readPinned();
  if (!record && pinned === versions.to) return { state: "planned", changed: 0, plan: [] };
  if (!record && pinned !== versions.from)
    throw new GroundcrewError("conflict", `${pinned} is pinned, not ${versions.from}. Use --from ${pinned}.`);
  const done = new Set(record?.steps.flatMap(({ name, status }) => (status === "done" ? [name] : [])));
  return {
    state: "planned",
    changed: 0,
    plan: UPGRADE_STEPS.filter(({ name }) => !done.has(name)).map(({ title }) => title(versions)),
  };
}

/** Upgrades, or continues an upgrade between the same versions. Throws when another one is not finished. */
export async function upgradeOpenclaw(context: UpgradeContext, versions: Versions): Promise<UpgradeOutcome> {
  const unfinished = findUnfinished(context, versions);
  if (!unfinished && context.driver.readPinned() === versions.to) return { state: "nothing to do", changed: 0 };
  if (unfinished) context.progress(`continuing the upgrade of ${new Date(unfinished.startedAt).toISOString()}`);
  const record = unfinished ?? createRecord(context, versions);
  return finish(context, await runUpgradeSteps(context, record));
}

/** Lists what a rollback would do. */
export function planRollback(context: UpgradeContext): UpgradeOutcome {
  const record = findRevertible(context);
  const plan = record && hasChangedInstallation(record) ? ROLLBACK_STEPS.map(({ title }) => title(record)) : [];
  return { state: "planned", changed: 0, plan };
}

/** Rolls the last upgrade back, also one that was completed, or continues a rollback. */
export async function rollBackOpenclaw(context: UpgradeContext): Promise<UpgradeOutcome> {
  const record = findRevertible(context);
  if (!record) return { state: "nothing to do", changed: 0 };
  if (hasChangedInstallation(record)) return finish(context, await runRollbackSteps(context, record));
  const ended: UpgradeRecord = { ...record, state: "refused", endedAt: context.clock() };
  context.records.write(ended);
  return finish(context, ended);
}

/** The upgrade to continue. Throws when it is another one, or is being rolled back. */
function findUnfinished({ records }: UpgradeContext, { from, to }: Versions): UpgradeRecord | undefined {
  const record = records.read();
  if (!record) return undefined;
  if (record.state === "rolling_back" || record.state === "rollback_failed")
    throw new GroundcrewError(
      "conflict",
      `The rollback to ${record.from} is not finished. Run \`groundcrew openclaw rollback\` first.`,
    );
  if (record.state !== "running") return undefined;
  if (record.from === from && record.to === to) return record;
  throw new GroundcrewError(
    "conflict",
    `The upgrade from ${record.from} to ${record.to} is not finished. Continue it with --from ${record.from} --to ${record.to}, or run \`groundcrew openclaw rollback\`.`,
  );
}

function findRevertible({ records, driver }: UpgradeContext): UpgradeRecord | undefined {
  const record = records.read();
  if (!record)
    throw new GroundcrewError(
      "bad_request",
      `${records.path} does not exist: no upgrade was made with these settings.`,
    );
  if (record.driver !== driver.kind)
    throw new GroundcrewError("bad_request", `The last upgrade used the driver ${record.driver}, not ${driver.kind}.`);
  return record.state === "rolled_back" || record.state === "refused" ? undefined : record;
}

function createRecord({ clock, driver, records }: UpgradeContext, { from, to }: Versions): UpgradeRecord {
  const startedAt = clock();
  const id = new Date(startedAt).toISOString().replaceAll(/[:.]/g, "-");
  const record: UpgradeRecord = {
    ...{ format: 1, id, from, to, driver: driver.kind, state: "running", startedAt },
    ...{ steps: [], rollbackSteps: [], spawn: {}, logLines: [] },
  };
  records.write(record);
  return record;
}

function finish(context: UpgradeContext, record: UpgradeRecord): UpgradeOutcome {
  const secrets = [context.hookToken, ...context.secrets, ...context.driver.listSecrets()];
  const report = context.records.writeReport(record.id, renderUpgradeReport(record, secrets));
  const steps = [...record.steps, ...record.rollbackSteps];
  const changed = steps.filter(({ name, status }) => status === "done" && CHANGING.has(name)).length;
  return { state: record.state, changed, record, report };
}
