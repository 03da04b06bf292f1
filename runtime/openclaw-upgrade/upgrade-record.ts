/** The record of an upgrade on the disk with its steps and findings, and its report in Markdown without credentials. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { findingSchema } from "../../functions/doctor/findings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { cleanLine, createRedactor, removeInvisible } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { makePrivateFolder, writePrivateFile } from "../node/files.ts";

const stepSchema = z.object({
  name: z.string(),
  status: z.enum(["started", "done", "failed"]),
  startedAt: z.number(),
  endedAt: z.number().optional(),
  problem: z.string().optional(),
  findings: z.array(findingSchema).default([]),
});

export type StepRecord = z.infer<typeof stepSchema>;

/** What a record says about how an upgrade ended, for people. */
const OUTCOMES = {
  /** Not finished: continue or roll back. */
  running: "not finished: run the same command again to continue, or `groundcrew openclaw rollback`",
  completed: "completed",
  /** It ended before anything was changed. */
  refused: "not begun: nothing was changed",
  rolling_back: "rollback not finished: run `groundcrew openclaw rollback` again",
  rolled_back: "rolled back: the old version runs with the state from before",
  rollback_failed: "**the rollback failed: OpenClaw needs a person**",
};

/** One upgrade, as it is on the disk. */
const upgradeRecordSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9TZ-]{1,40}$/),
  from: z.string(),
  to: z.string(),
  driver: z.enum(["compose", "npm"]),
  state: z.literal(Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[]),
  startedAt: z.number(),
  endedAt: z.number().optional(),
  steps: z.array(stepSchema),
  rollbackSteps: z.array(stepSchema).default([]),
  backup: z.object({ archive: z.string(), sha256: z.string() }).optional(),
  /** Lines of the gateway's log that show a problem, cleaned and without secrets. */
  logLines: z.array(z.string()).default([]),
});

export type UpgradeRecord = z.infer<typeof upgradeRecordSchema>;

export type UpgradeVersions = Pick<UpgradeRecord, "from" | "to">;

/** A credential after `Bearer`, the password in an address, one of npm's settings or tokens, whatever the secrets are. */
const CREDENTIAL =
  /(\bbearer\s+)[\w.~+/=-]{6,}|(:\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(_(?:authToken|auth|password)\s*=\s*)\S+|\b(npm_)[A-Za-z0-9]{20,}/gi;

/** The record of the last upgrade and the folder of each, in a folder that only this user can read. */
export function openRecordFile(folder: string) {
  const path = join(folder, "upgrade.json");
  return {
    path,
    read(): UpgradeRecord | undefined {
      if (!existsSync(path)) return undefined;
      try {
        return upgradeRecordSchema.parse(JSON.parse(readFileSync(path, "utf8")));
      } catch (cause) {
        throw new GroundcrewError(
          "bad_request",
          `${path} is not a record of an upgrade. Look at it, compare the pinned version with what runs, then move it away.`,
          { cause },
        );
      }
    },
    write(record: UpgradeRecord): UpgradeRecord {
      makePrivateFolder(folder);
      writePrivateFile(path, JSON.stringify(record, undefined, 2));
      return record;
    },
    /** The folder of one upgrade, with its backup and report. */
    openRunFolder(id: string): string {
      const runFolder = join(folder, id);
      for (const one of [folder, runFolder]) makePrivateFolder(one);
      return runFolder;
    },
  };
}

export type RecordFile = ReturnType<typeof openRecordFile>;

/** Replaces secrets, and what looks like a credential, by `[secret]`: for texts of programs in reports and errors. */
export function redactCredentials(text: string, secrets: readonly string[]): string {
  return createRedactor(secrets)(text).replace(CREDENTIAL, "$1$2$3$4[secret]");
}

/**
 * Renders the report of an upgrade as Markdown. Texts of logs and programs are data: without control characters and
 * secrets, in code spans or fenced blocks that they cannot leave.
 */
export function renderUpgradeReport(record: UpgradeRecord, secrets: readonly string[]): string {
  const { from, to, driver, state, startedAt, endedAt, backup, steps, rollbackSteps } = record;
  const formatTime = (time: Ms) => new Date(time).toISOString();
  const facts = [
    `- Outcome: ${OUTCOMES[state]}`,
    `- Driver: ${driver}`,
    `- Started: ${formatTime(startedAt)}`,
    ...(endedAt ? [`- Ended: ${formatTime(endedAt)}`] : []),
    ...(backup ? [`- Backup: ${toCode(backup.archive)}, SHA-256 ${backup.sha256}`] : []),
  ];
  const broken = steps.flatMap(listBroken);
  const log = removeInvisible(record.logLines.join("\n"));
  const fence = createFence(log, 3);
  const parts = {
    [`# OpenClaw ${from} → ${to}`]: facts,
    "## What broke": broken.length > 0 ? broken : ["Nothing."],
    "## Steps": renderSteps(steps),
    "## Rollback": renderSteps(rollbackSteps),
    "## Log": log === "" ? [] : [`${fence}text`, log, fence],
  };
  const filled = Object.entries(parts).filter(([, lines]) => lines.length > 0);
  const text = filled.map(([heading, lines]) => `${heading}\n\n${lines.join("\n")}\n`).join("\n");
  return redactCredentials(text, secrets);
}

/** A fence of backticks that the text cannot end. */
function createFence(text: string, least = 1): string {
  return "`".repeat(Math.max(least, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));
}

/** A code span that the text cannot leave; without line ends and control characters. */
function toCode(text: string): string {
  const line = cleanLine(text, 400);
  const fence = createFence(line);
  return fence.length > 1 ? `${fence} ${line} ${fence}` : `\`${line}\``;
}

/** Our own short texts may contain names from settings, so what Markdown would interpret is escaped; code stays code. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[<>[\]*_|\\]/g, "\\$&");
}

function listBroken({ name, problem, findings }: StepRecord): string[] {
  // The old version's own failures are only the standard.
  const failed = name === "baseline" ? [] : findings.filter(({ status }) => status === "failed");
  const rows = failed.map(({ name, detail, todo = "" }) => `- ${name}: ${toCode(detail)} ${escapeMarkdown(todo)}`);
  return [...(problem === undefined ? [] : [`- step ${name}: ${toCode(problem)}`]), ...rows].map((row) =>
    row.trimEnd(),
  );
}

function renderSteps(steps: readonly StepRecord[]): string[] {
  // In a table a vertical bar would end the cell even in code.
  const toCell = (text: string | undefined) => (text ? toCode(text.replaceAll("|", "¦")) : "");
  const rows = steps.flatMap(({ name, status, startedAt, endedAt, problem, findings }) => [
    `| ${name} | ${status} | ${endedAt ? `${((endedAt - startedAt) / SECOND).toFixed(1)} s` : ""} | ${toCell(problem)} |`,
    ...findings.map(
      (finding) => `| &nbsp;&nbsp;${escapeMarkdown(finding.name)} | ${finding.status} | | ${toCell(finding.detail)} |`,
    ),
  ]);
  return rows.length > 0 ? ["| Step | Result | Time | Detail |", "|---|---|---|---|", ...rows] : [];
}
