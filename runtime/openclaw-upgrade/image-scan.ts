import { z } from "zod";

export interface Vulnerability {
  id: string;
  package: string;
  severity: string;
}

/** Result of a scan, or why there is none. */
export type ImageScan =
  | { kind: "scanned"; scanner: string; found: Vulnerability[] }
  | { kind: "not scanned"; why: string };

/** Known vulnerabilities of the new version against those of the old one. */
export interface ScanDifference {
  added: Vulnerability[];
  removed: Vulnerability[];
  unchanged: number;
}

const trivySchema = z.object({
  Results: z
    .array(
      z.object({
        Vulnerabilities: z
          .array(z.object({ VulnerabilityID: z.string(), PkgName: z.string(), Severity: z.string() }))
          .nullish(),
      }),
    )
    .nullish(),
});

const grypeSchema = z.object({
  matches: z.array(
    z.object({
      vulnerability: z.object({ id: z.string(), severity: z.string() }),
      artifact: z.object({ name: z.string() }),
    }),
  ),
});

/** Arguments with which each scanner prints JSON about an image. */
export const SCANNERS = {
  trivy: (image: string) => ["image", "--quiet", "--scanners", "vuln", "--format", "json", image],
  grype: (image: string) => ["--quiet", "--output", "json", image],
} as const;

/** Parses a scanner's JSON. Throws for any other text. */
export function parseScan(scanner: keyof typeof SCANNERS, text: string): Vulnerability[] {
  const json: unknown = JSON.parse(text);
  if (scanner === "grype")
    return grypeSchema.parse(json).matches.map(({ vulnerability, artifact }) => ({
      id: vulnerability.id,
      package: artifact.name,
      severity: vulnerability.severity.toLowerCase(),
    }));
  const results = trivySchema.parse(json).Results ?? [];
  return results.flatMap(({ Vulnerabilities }) =>
    (Vulnerabilities ?? []).map(({ VulnerabilityID, PkgName, Severity }) => ({
      id: VulnerabilityID,
      package: PkgName,
      severity: Severity.toLowerCase(),
    })),
  );
}

/** Compares two scans by vulnerability and package; undefined unless the same scanner made both. */
export function compareScans(before: ImageScan, after: ImageScan): ScanDifference | undefined {
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
