/** Scans of the images by trivy or grype, and what the new version adds to the vulnerabilities of the old one. */

import { z } from "zod";
import { createReport, type Finding } from "../../functions/doctor/findings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { readPath } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";
import { type ProgramOptions, requireSuccess, runProgram } from "../node/programs.ts";

/** Result of a scan, or why there is none. */
export type ImageScan =
  | { kind: "scanned"; scanner: string; found: Vulnerability[] }
  | { kind: "not scanned"; why: string };

const vulnerabilitySchema = z.object({ id: z.string(), package: z.string(), severity: z.string().toLowerCase() });

type Vulnerability = z.output<typeof vulnerabilitySchema>;

/** Each scanner with the arguments for JSON about an image, and the paths of lists and fields in it. */
const SCANNERS = {
  trivy: {
    args: ["image", "--quiet", "--scanners", "vuln", "--format", "json"],
    lists: ["Results", "Vulnerabilities"],
    fields: { id: "VulnerabilityID", package: "PkgName", severity: "Severity" },
  },
  grype: {
    args: ["--quiet", "--output", "json"],
    lists: ["matches"],
    fields: { id: "vulnerability.id", package: "artifact.name", severity: "vulnerability.severity" },
  },
};

/** Limit of what a scanner prints in bytes: 64 MB. An image with thousands of vulnerabilities has more than 4 MB. */
const MAX_SCAN_BYTES = 64 * 2 ** 20;

/** Limit of new vulnerabilities that are named. */
const MAX_NEW = 50;

/** Scans an image by the first scanner that is installed. */
export async function scanImage(image: string, options: ProgramOptions): Promise<ImageScan> {
  for (const scanner of ["trivy", "grype"] as const) {
    const args = [...SCANNERS[scanner].args, image];
    const result = await runProgram(scanner, args, { ...options, maxOutputBytes: MAX_SCAN_BYTES });
    if (result.problem?.includes("ENOENT")) continue;
    try {
      return { kind: "scanned", scanner, found: parseScan(scanner, requireSuccess(scanner, result)) };
    } catch (thrown) {
      const why = result.status === 0 ? `the answer of ${scanner} cannot be read` : getErrorMessage(thrown);
      return { kind: "not scanned", why };
    }
  }
  return { kind: "not scanned", why: "neither trivy nor grype is installed" };
}

/** Parses a scanner's JSON. Throws for any other text. */
export function parseScan(scanner: keyof typeof SCANNERS, text: string): Vulnerability[] {
  const {
    lists: [first = "", ...more],
    fields,
  } = SCANNERS[scanner];
  let entries = z.array(z.unknown()).parse(readPath(JSON.parse(text), first));
  for (const list of more) entries = entries.flatMap((entry) => readPath(entry, list) ?? []);
  const toFields = (entry: unknown) => Object.entries(fields).map(([name, path]) => [name, readPath(entry, path)]);
  return entries.map((entry) => vulnerabilitySchema.parse(Object.fromEntries(toFields(entry))));
}

/** Compares two scans by vulnerability and package; undefined unless the same scanner made both. */
export function compareScans(before: ImageScan, after: ImageScan) {
  if (before.kind !== "scanned" || after.kind !== "scanned" || before.scanner !== after.scanner) return undefined;
  const toKey = ({ id, package: name }: Vulnerability) => JSON.stringify([id, name]);
  const old = new Map(before.found.map((one) => [toKey(one), one]));
  const current = new Map(after.found.map((one) => [toKey(one), one]));
  return {
    added: [...current].flatMap(([key, one]) => (old.has(key) ? [] : [one])),
    removed: [...old].flatMap(([key, one]) => (current.has(key) ? [] : [one])),
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
