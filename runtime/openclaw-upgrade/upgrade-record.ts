/** The record of an upgrade on the disk with its steps and findings, and its report in Markdown without credentials. */

import { join } from "node:path";
import { z } from "zod";
import { findingSchema, renderFindingLines } from "../../functions/doctor/findings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createRedactor, removeInvisible, tryParseJson } from "../../shared/text.ts";
import { SECOND } from "../../shared/time.ts";
import { makePrivateFolder, nodeFiles, writePrivateFile } from "../node/files.ts";

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
  running: "not finished: run the same command again to continue, or `groundcrew openclaw rollback`",
  completed: "completed",
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
  /** Those of the upgrade, and those of its last rollback. */
  steps: z.array(stepSchema),
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
      const text = nodeFiles.read(path)?.text;
      if (text === undefined) return undefined;
      const { data } = upgradeRecordSchema.safeParse(tryParseJson(text));
      if (data) return data;
      throw new GroundcrewError(
        "bad_request",
        `${path} is not a record of an upgrade. Look at it, compare the pinned version with what runs, then move it away.`,
      );
    },
    write(record: UpgradeRecord): UpgradeRecord {
      makePrivateFolder(folder);
      writePrivateFile(path, JSON.stringify(record, undefined, 2));
      return record;
    },
    /** The folder of one upgrade, with its backup and report. */
    openRunFolder(id: string): string {
      makePrivateFolder(join(folder, id));
      return join(folder, id);
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
 * secrets, in blocks that they cannot leave.
 */
export function renderUpgradeReport(record: UpgradeRecord, secrets: readonly string[]): string {
  const { from, to, driver, state, startedAt, endedAt, backup, steps, logLines } = record;
  const facts = [
    `- Outcome: ${OUTCOMES[state]}`,
    `- Driver: ${driver}`,
    `- Started: ${new Date(startedAt).toISOString()}`,
    ...(endedAt ? [`- Ended: ${new Date(endedAt).toISOString()}`] : []),
    ...(backup ? [`- Backup: \`${backup.archive}\`, SHA-256 ${backup.sha256}`] : []),
  ];
  // The old version's own failures are only the standard.
  const broken = steps.flatMap((step) => toRows(step.name === "baseline" ? { ...step, findings: [] } : step));
  const parts = {
    [`# OpenClaw ${from} → ${to}`]: facts.join("\n"),
    "## What broke": toBlock(renderFindingLines(broken.filter(({ status }) => status === "failed"))) || "Nothing.",
    "## Steps": toBlock(renderFindingLines(steps.flatMap(toRows))),
    "## Log": toBlock(logLines),
  };
  const filled = Object.entries(parts).filter(([, text]) => text !== "");
  return redactCredentials(filled.map((part) => `${part.join("\n\n")}\n`).join("\n"), secrets);
}

/** A step in the form of a finding, before its findings. */
function toRows({ name, status, startedAt, endedAt, problem, findings }: StepRecord) {
  const time = endedAt ? `${((endedAt - startedAt) / SECOND).toFixed(1)} s` : "not ended";
  return [{ name: `step ${name}`, status, detail: problem === undefined ? time : `${problem} (${time})` }, ...findings];
}

/** Lines in a block that they can neither leave nor format; "" for none. */
function toBlock(lines: readonly string[]): string {
  const text = removeInvisible(lines.join("\n"));
  const fence = "`".repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));
  return text === "" ? "" : `${fence}text\n${text}\n${fence}`;
}
