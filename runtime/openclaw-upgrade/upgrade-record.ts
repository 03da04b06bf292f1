/**
 * The record of an upgrade on the disk with its steps and findings, scans of the image with what the new version adds to
 * them, and texts without credentials.
 */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { createReport, type Finding, findingSchema } from "../../functions/doctor/findings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { cleanLine, createRedactor } from "../../shared/text.ts";
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

interface Vulnerability {
  id: string;
  package: string;
  severity: string;
}

/** Result of a scan, or why there is none. */
export type ImageScan =
  | { kind: "scanned"; scanner: string; found: Vulnerability[] }
  | { kind: "not scanned"; why: string };

/**
 * One upgrade, as it is on the disk. `running`: not finished, continue or roll back. `refused`: it ended before
 * anything was changed. `rolling_back`: a rollback is not finished.
 */
const upgradeRecordSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[0-9TZ-]{1,40}$/),
  from: z.string(),
  to: z.string(),
  driver: z.enum(["compose", "npm"]),
  state: z.enum(["running", "completed", "refused", "rolling_back", "rolled_back", "rollback_failed"]),
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

/** Steps from which on the installation differs from what it was before. */
const CHANGING_STEPS: ReadonlySet<string> = new Set(["backup", "pin", "deploy", "limits", "smoke"]);

/** Limit of new vulnerabilities that are named. */
const MAX_NEW = 50;

const toVulnerability = (id: string, name: string, severity: string) => ({ id, package: name, severity });

const severitySchema = z.string().toLowerCase();

const trivyEntry = z
  .object({ VulnerabilityID: z.string(), PkgName: z.string(), Severity: severitySchema })
  .transform((entry) => toVulnerability(entry.VulnerabilityID, entry.PkgName, entry.Severity));

const grypeEntry = z
  .object({
    vulnerability: z.object({ id: z.string(), severity: severitySchema }),
    artifact: z.object({ name: z.string() }),
  })
  .transform(({ vulnerability: { id, severity }, artifact }) => toVulnerability(id, artifact.name, severity));

/** Each scanner with the arguments for JSON about an image, and what it prints. */
export const SCANNERS = {
  trivy: {
    toArguments: (image: string) => ["image", "--quiet", "--scanners", "vuln", "--format", "json", image],
    schema: z
      .object({ Results: z.array(z.object({ Vulnerabilities: z.array(trivyEntry).nullish() })).nullish() })
      .transform(({ Results }) => (Results ?? []).flatMap(({ Vulnerabilities }) => Vulnerabilities ?? [])),
  },
  grype: {
    toArguments: (image: string) => ["--quiet", "--output", "json", image],
    schema: z.object({ matches: z.array(grypeEntry) }).transform(({ matches }) => matches),
  },
};

/** A credential after `Bearer`, the password in an address, one of npm's settings or tokens, whatever the secrets are. */
const CREDENTIAL =
  /(\bbearer\s+)[\w.~+/=-]{6,}|(:\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(_(?:authToken|auth|password)\s*=\s*)\S+|\b(npm_)[A-Za-z0-9]{20,}/gi;

/** Whether a step has begun that stops or changes OpenClaw. */
export function hasChangedInstallation({ steps }: UpgradeRecord): boolean {
  return steps.some(({ name }) => CHANGING_STEPS.has(name));
}

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
      makePrivateFolder(folder);
      const runFolder = join(folder, id);
      makePrivateFolder(runFolder);
      return runFolder;
    },
  };
}

export type RecordFile = ReturnType<typeof openRecordFile>;

/** Parses a scanner's JSON. Throws for any other text. */
export function parseScan(scanner: keyof typeof SCANNERS, text: string): Vulnerability[] {
  return SCANNERS[scanner].schema.parse(JSON.parse(text));
}

/** Compares two scans by vulnerability and package; undefined unless the same scanner made both. */
export function compareScans(before: ImageScan, after: ImageScan) {
  if (before.kind !== "scanned" || after.kind !== "scanned" || before.scanner !== after.scanner) return undefined;
  const toKey = ({ id, package: name }: Vulnerability) => JSON.stringify([id, name]);
  const old = new Map(before.found.map((one) => [toKey(one), one]));
  const current = new Map(after.found.map((one) => [toKey(one), one]));
  return {
    added: [...current].filter(([key]) => !old.has(key)).map(([, one]) => one),
    removed: [...old].filter(([key]) => !current.has(key)).map(([, one]) => one),
    unchanged: [...current.keys()].filter((key) => old.has(key)).length,
  };
}

/** What the new image adds to the old one. */
export function judgeScans(before: ImageScan, after: ImageScan): Finding[] {
  const { ok, skipped } = createReport("image scan");
  const difference = compareScans(before, after);
  if (!difference) {
    const describe = (scan: ImageScan) => (scan.kind === "scanned" ? `scanned by ${scan.scanner}` : scan.why);
    return [skipped`not compared: ${[...new Set([before, after].map(describe))].join("; ")}`];
  }
  const { added, removed, unchanged } = difference;
  const named = added.slice(0, MAX_NEW).map(({ id, package: name, severity }) => {
    return createReport(cleanLine(id, 60)).warning`${severity}, in ${name}`;
  });
  return [ok`${added.length} new vulnerabilities, ${removed.length} gone, ${unchanged} in both`, ...named];
}

/** Replaces secrets, and what looks like a credential, by `[secret]`: for texts of programs in reports and errors. */
export function redactCredentials(text: string, secrets: readonly string[]): string {
  return createRedactor(secrets)(text).replace(CREDENTIAL, "$1$2$3$4[secret]");
}
