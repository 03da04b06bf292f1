import { cleanLine, removeInvisible } from "../../shared/clean-text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { Finding } from "./finding.ts";
import { compareScans, type ImageScan, type Vulnerability } from "./image-scan.ts";
import { redactCredentials } from "./redact-credentials.ts";
import { findRegressions } from "./smoke-test.ts";
import type { SpawnMetrics, StepRecord, UpgradeRecord } from "./upgrade-record.ts";

const OUTCOMES: Record<UpgradeRecord["state"], string> = {
  running: "not finished: run the same command again to continue, or `groundcrew openclaw rollback`",
  completed: "completed",
  refused: "not begun: nothing was changed",
  rolling_back: "rollback not finished: run `groundcrew openclaw rollback` again",
  rolled_back: "rolled back: the old version runs with the state from before",
  rollback_failed: "**the rollback failed: OpenClaw needs a person**",
};

/** Limit of vulnerabilities and log lines in the report. */
const MAX_ROWS = 50;

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
    ...(record.endedAt === undefined ? [] : [`- Ended: ${new Date(record.endedAt).toISOString()}`]),
    ...(record.backup ? [`- Backup: ${toCode(record.backup.archive)}, SHA-256 ${record.backup.sha256}`] : []),
    "",
    ...renderBroken(record),
    ...renderSteps("Steps", record.steps),
    ...(record.rollbackSteps.length > 0 ? renderSteps("Rollback", record.rollbackSteps) : []),
    ...renderSpawns(record),
    ...renderScans(record),
    ...renderLog(record.logLines),
  ];
  return `${redactCredentials(lines.join("\n"), secrets).trimEnd()}\n`;
}

function renderBroken({ steps }: UpgradeRecord): string[] {
  const findFindings = (step: string) => steps.find(({ name }) => name === step)?.findings ?? [];
  const failed = steps.find(({ status }) => status === "failed");
  const broken = [
    ...findFindings("check").filter(({ status }) => status === "failed"),
    ...findFindings("deploy").filter(({ status }) => status === "failed"),
    ...findRegressions(findFindings("baseline"), findFindings("smoke")),
  ];
  const problems = failed?.problem === undefined ? [] : [`- step ${failed.name}: ${toCode(failed.problem)}`];
  const rows = broken.map(
    ({ name, detail, todo }) => `- ${name}: ${toCode(detail)}${todo ? ` ${escapeMarkdown(todo)}` : ""}`,
  );
  const all = [...problems, ...rows];
  return ["## What broke", "", ...(all.length > 0 ? all : ["Nothing."]), ""];
}

function renderSteps(title: string, steps: readonly StepRecord[]): string[] {
  const rows = steps.flatMap((step) => [
    `| ${step.name} | ${step.status} | ${formatDuration(step)} | ${step.problem ? toCell(step.problem) : ""} |`,
    ...step.findings.map((finding) => `| ${renderName(finding)} | ${finding.status} | | ${toCell(finding.detail)} |`),
  ]);
  return [`## ${title}`, "", "| Step | Result | Time | Detail |", "|---|---|---|---|", ...rows, ""];
}

const renderName = ({ name }: Finding) => `&nbsp;&nbsp;${escapeMarkdown(name)}`;

function formatDuration({ startedAt, endedAt }: StepRecord): string {
  return endedAt === undefined ? "" : formatSeconds(endedAt - startedAt);
}

const formatSeconds = (ms: Ms) => `${(ms / SECOND).toFixed(1)} s`;

function renderSpawns({ spawn, from, to }: UpgradeRecord): string[] {
  if (!spawn.from && !spawn.to) return [];
  const rows: [string, (metrics: SpawnMetrics) => string | undefined][] = [
    ["turn of an agent", ({ turnMs }) => (turnMs === undefined ? undefined : formatSeconds(turnMs))],
    ["wake until its run ended", ({ wakeMs }) => (wakeMs === undefined ? undefined : formatSeconds(wakeMs))],
    ["spawned agents recorded", ({ spawned }) => spawned && `${spawned.total}, ${spawned.failed} failed`],
    ["most of them at once", ({ spawned }) => spawned && String(spawned.mostAtOnce)],
    ["median wait in the queue", ({ spawned }) => formatOptional(spawned?.medianWaitMs)],
    ["median run", ({ spawned }) => formatOptional(spawned?.medianRunMs)],
  ];
  const show = (metrics: SpawnMetrics | undefined, read: (metrics: SpawnMetrics) => string | undefined) =>
    (metrics && read(metrics)) ?? "not known";
  const body = rows.map(([label, read]) => `| ${label} | ${show(spawn.from, read)} | ${show(spawn.to, read)} |`);
  return ["## Spawned agents", "", `| | ${from} | ${to} |`, "|---|---|---|", ...body, ""];
}

const formatOptional = (ms: Ms | undefined) => (ms === undefined ? undefined : formatSeconds(ms));

function renderScans({ scans }: UpgradeRecord): string[] {
  if (!scans) return [];
  const difference = compareScans(scans.from, scans.to);
  const heading = ["## Image scan", ""];
  if (!difference)
    return [...heading, `Not compared: ${[...new Set([scans.from, scans.to].map(describeScan))].join("; ")}.`, ""];
  const { added, removed, unchanged } = difference;
  const scanner = scans.to.kind === "scanned" ? scans.to.scanner : "";
  return [
    ...heading,
    `By ${scanner}: ${added.length} new, ${removed.length} gone, ${unchanged} in both.`,
    "",
    ...renderVulnerabilities("New", added),
    ...renderVulnerabilities("Gone", removed),
  ];
}

function describeScan(scan: ImageScan): string {
  return scan.kind === "scanned" ? `scanned by ${scan.scanner}` : escapeMarkdown(cleanLine(scan.why, 200));
}

function renderVulnerabilities(title: string, list: readonly Vulnerability[]): string[] {
  if (list.length === 0) return [];
  const shown = list.slice(0, MAX_ROWS).map((one) => `- ${one.severity}: ${toCode(`${one.id} in ${one.package}`)}`);
  const rest = list.length > MAX_ROWS ? [`- and ${list.length - MAX_ROWS} more`] : [];
  return [`### ${title}`, "", ...shown, ...rest, ""];
}

function renderLog(lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const text = removeInvisible(lines.slice(0, MAX_ROWS).join("\n"));
  const fence = "`".repeat(Math.max(3, findLongestRun(text) + 1));
  return ["## Log", "", `${fence}text`, text, fence, ""];
}

/** A code span that the text cannot leave; without line ends and control characters. */
function toCode(text: string): string {
  const line = cleanLine(text, 400);
  const fence = "`".repeat(findLongestRun(line) + 1);
  return fence.length > 1 ? `${fence} ${line} ${fence}` : `\`${line}\``;
}

/** A code span in a table, where a vertical bar would end the cell even in code. */
function toCell(text: string): string {
  return toCode(text.replaceAll("|", "¦"));
}

function findLongestRun(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

/** Our own short texts may contain names from settings, so what Markdown would interpret is escaped; code stays code. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[<>[\]*_|\\]/g, "\\$&");
}
