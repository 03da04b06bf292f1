/**
 * The upgrade of OpenClaw from the outside: a check alone, an upgrade, or a rollback. Each leaves a record and a
 * report in Markdown.
 */

import { join } from "node:path";
import type { Finding } from "../../functions/doctor/findings.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine, removeInvisible } from "../../shared/text.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { writePrivateFile } from "../node/files.ts";
import { runWithDeadline, type UpgradeContext } from "./upgrade-driver.ts";
import {
  hasChangedInstallation,
  redactCredentials,
  type StepRecord,
  type UpgradeRecord,
  type UpgradeVersions,
} from "./upgrade-record.ts";
import {
  checkUpgrade,
  endRecord,
  formatTitle,
  ROLLBACK_STEPS,
  runRollbackSteps,
  runUpgradeSteps,
  UPGRADE_STEPS,
} from "./upgrade-steps.ts";

/** What a command did. `changed`: steps that changed the installation, 0 when there was nothing to do. */
export interface UpgradeOutcome {
  state: UpgradeRecord["state"] | "checked" | "planned" | "nothing to do";
  changed: number;
  record?: UpgradeRecord;
  findings?: Finding[];
  plan?: string[];
  report?: string;
}

/** Steps that change the installation, for the count of changes. */
const CHANGING = new Set(["fetch", "pin", "limits", "deploy", "unpin", "restore", "start"]);

const OUTCOMES: Record<UpgradeRecord["state"], string> = {
  running: "not finished: run the same command again to continue, or `groundcrew openclaw rollback`",
  completed: "completed",
  refused: "not begun: nothing was changed",
  rolling_back: "rollback not finished: run `groundcrew openclaw rollback` again",
  rolled_back: "rolled back: the old version runs with the state from before",
  rollback_failed: "**the rollback failed: OpenClaw needs a person**",
};

/** Upgrades, or continues an upgrade between the same versions. Throws when another one is not finished. */
export async function upgradeOpenclaw(context: UpgradeContext, versions: UpgradeVersions): Promise<UpgradeOutcome> {
  const unfinished = findUnfinished(context, versions);
  if (!unfinished && context.driver.readPinned() === versions.to) return { state: "nothing to do", changed: 0 };
  if (unfinished) context.progress(`continuing the upgrade of ${new Date(unfinished.startedAt).toISOString()}`);
  const record = unfinished ?? createRecord(context, versions);
  return finish(context, await runUpgradeSteps(context, record));
}

/** The upgrade to continue. Throws when it is another one, or is being rolled back. */
function findUnfinished({ records }: UpgradeContext, { from, to }: UpgradeVersions): UpgradeRecord | undefined {
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

function createRecord({ clock, driver, records }: UpgradeContext, { from, to }: UpgradeVersions): UpgradeRecord {
  const startedAt = clock();
  const id = new Date(startedAt).toISOString().replaceAll(/[:.]/g, "-");
  return records.write({
    ...{ format: 1, id, from, to, driver: driver.kind, state: "running", startedAt },
    ...{ steps: [], rollbackSteps: [], logLines: [] },
  });
}

function finish(context: UpgradeContext, record: UpgradeRecord): UpgradeOutcome {
  let report: string | undefined;
  try {
    const path = join(context.records.openRunFolder(record.id), "report.md");
    writePrivateFile(path, renderUpgradeReport(record, context.secrets));
    report = path;
  } catch (thrown) {
    context.progress(`the report cannot be written: ${cleanLine(getErrorMessage(thrown), 200)}`);
  }
  const steps = [...record.steps, ...record.rollbackSteps];
  const changed = steps.filter(({ name, status }) => status === "done" && CHANGING.has(name)).length;
  return { state: record.state, changed, record, ...omitUndefined({ report }) };
}

/** Rolls the last upgrade back, also one that was completed, or continues a rollback. */
export async function rollBackOpenclaw(context: UpgradeContext): Promise<UpgradeOutcome> {
  const record = findRevertible(context);
  if (!record) return { state: "nothing to do", changed: 0 };
  if (hasChangedInstallation(record)) return finish(context, await runRollbackSteps(context, record));
  return finish(context, endRecord(context, record, "refused"));
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

/** Checks an upgrade and changes nothing, not even the record. */
export async function checkOnly(context: UpgradeContext, versions: UpgradeVersions): Promise<UpgradeOutcome> {
  const findings = await runWithDeadline(10 * MINUTE, context, (step) => checkUpgrade(step, versions));
  return { state: "checked", changed: 0, findings };
}

/** Lists what an upgrade would do. Changes nothing and runs nothing. */
export function planUpgrade(context: UpgradeContext, versions: UpgradeVersions): UpgradeOutcome {
  const record = findUnfinished(context, versions);
  const pinned = context.driver.readPinned();
  if (!record && pinned === versions.to) return { state: "planned", changed: 0, plan: [] };
  if (!record && pinned !== versions.from)
    throw new GroundcrewError("conflict", `${pinned} is pinned, not ${versions.from}. Use --from ${pinned}.`);
  const done = new Set(record?.steps.flatMap(({ name, status }) => (status === "done" ? [name] : [])));
  return {
    state: "planned",
    changed: 0,
    plan: UPGRADE_STEPS.filter(({ name }) => !done.has(name)).map((step) => formatTitle(step, versions)),
  };
}

/** Lists what a rollback would do. */
export function planRollback(context: UpgradeContext): UpgradeOutcome {
  const record = findRevertible(context);
  const plan = record && hasChangedInstallation(record) ? ROLLBACK_STEPS.map((step) => formatTitle(step, record)) : [];
  return { state: "planned", changed: 0, plan };
}

/**
 * Renders the report of an upgrade as Markdown. Texts of logs and programs are data: without control characters and
 * secrets, in code spans or fenced blocks that they cannot leave.
 */
export function renderUpgradeReport(record: UpgradeRecord, secrets: readonly string[]): string {
  const lines = [
    `# OpenClaw ${record.from} → ${record.to}`,
    "",
    `- Outcome: ${OUTCOMES[record.state]}`,
    `- Driver: ${record.driver}`,
    `- Started: ${new Date(record.startedAt).toISOString()}`,
    ...(record.endedAt ? [`- Ended: ${new Date(record.endedAt).toISOString()}`] : []),
    ...(record.backup ? [`- Backup: ${toCode(record.backup.archive)}, SHA-256 ${record.backup.sha256}`] : []),
    "",
    ...renderBroken(record),
    ...renderSteps("Steps", record.steps),
    ...(record.rollbackSteps.length > 0 ? renderSteps("Rollback", record.rollbackSteps) : []),
    ...renderLog(record.logLines),
  ];
  return `${redactCredentials(lines.join("\n"), secrets).trimEnd()}\n`;
}

/** A code span that the text cannot leave; without line ends and control characters. */
function toCode(text: string): string {
  const line = cleanLine(text, 400);
  const fence = "`".repeat(findLongestRun(line) + 1);
  return fence.length > 1 ? `${fence} ${line} ${fence}` : `\`${line}\``;
}

function findLongestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** A part of the report under its heading; nothing without lines. */
function renderPart(heading: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? [heading, "", ...lines, ""] : [];
}

function renderBroken({ steps }: UpgradeRecord): string[] {
  // The old version's own failures are only the standard.
  const rows = steps.flatMap(({ name, problem, findings }) => [
    ...(problem === undefined ? [] : [`- step ${name}: ${toCode(problem)}`]),
    ...(name === "baseline" ? [] : findings.filter(({ status }) => status === "failed")).map((finding) =>
      `- ${finding.name}: ${toCode(finding.detail)} ${escapeMarkdown(finding.todo ?? "")}`.trimEnd(),
    ),
  ]);
  return renderPart("## What broke", rows.length > 0 ? rows : ["Nothing."]);
}

/** Our own short texts may contain names from settings, so what Markdown would interpret is escaped; code stays code. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[<>[\]*_|\\]/g, "\\$&");
}

function renderSteps(title: string, steps: readonly StepRecord[]): string[] {
  const rows = steps.flatMap(({ name, status, startedAt, endedAt, problem, findings }) => [
    `| ${name} | ${status} | ${endedAt ? `${((endedAt - startedAt) / SECOND).toFixed(1)} s` : ""} | ${problem ? toCell(problem) : ""} |`,
    ...findings.map(
      (finding) => `| &nbsp;&nbsp;${escapeMarkdown(finding.name)} | ${finding.status} | | ${toCell(finding.detail)} |`,
    ),
  ]);
  return renderPart(`## ${title}`, ["| Step | Result | Time | Detail |", "|---|---|---|---|", ...rows]);
}

/** A code span in a table, where a vertical bar would end the cell even in code. */
function toCell(text: string): string {
  return toCode(text.replaceAll("|", "¦"));
}

function renderLog(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const text = removeInvisible(lines.join("\n"));
  const fence = "`".repeat(Math.max(3, findLongestRun(text) + 1));
  return ["## Log", "", `${fence}text`, text, fence, ""];
}
