/** Versions of Plane and OpenClaw: how they are written and compared, and which Groundcrew was tried with. */

import { isUntestedPlane, toReleaseLine } from "../../shared/plane/plane-versions.ts";
import { createReport, type Finding } from "./findings.ts";

/** Versions of other programs that Groundcrew is known to work with; undefined when that is unknown. */
export interface KnownVersions {
  plane: readonly string[] | undefined;
  openclaw: readonly string[] | undefined;
}

/** A version of OpenClaw as npm and the image's tags write it: `2026.2.26`, `2026.7.1-2`, `2026.9.1-beta.1`. */
const VERSION = String.raw`\d{4}\.\d{1,2}\.\d{1,3}(?:-(?:\d{1,3}|beta\.\d{1,3}))?`;

/** Text before the tag (a registry's host may have a port), the version, and a variant of the image such as `-slim`. */
const PINNED = new RegExp(String.raw`^((?:[^\s@]*:)?v?)(${VERSION})((?:-[a-z]+)*)$`);

export function isOpenclawVersion(text: string): boolean {
  return new RegExp(`^${VERSION}$`).test(text);
}

/** Whether version `a` was released before `b`: `2026.9.1-beta.1` < `2026.9.1` < `2026.9.1-1`. Both must be versions. */
export function isOlderOpenclaw(a: string, b: string): boolean {
  const [left, right] = [toComparableParts(a), toComparableParts(b)];
  const index = left.findIndex((part, i) => part !== right[i]);
  return index >= 0 && (left[index] ?? 0) < (right[index] ?? 0);
}

/** Year, month, day, kind (beta, release, correction) and number within the kind. */
function toComparableParts(version: string): number[] {
  const [numbers = "", suffix] = version.split("-");
  const isBeta = suffix?.startsWith("beta.") ?? false;
  const kind = suffix === undefined ? 1 : isBeta ? 0 : 2;
  return [...numbers.split(".").map(Number), kind, Number(suffix?.replace("beta.", "") ?? 0)];
}

/** A pinned value in parts: `ghcr.io/openclaw/openclaw:2026.2.26-slim` or only `2026.2.26`. Undefined for other texts. */
export function parsePinnedValue(text: string): { before: string; version: string; after: string } | undefined {
  const [, before, version, after] = PINNED.exec(text) ?? [];
  if (before === undefined || version === undefined || after === undefined) return undefined;
  return { before, version, after };
}

/** The version in what `openclaw --version` prints: `2026.2.26`, or `OpenClaw 2026.9.6 (eb377ac)`. */
export function parseVersionOutput(output: string): string | undefined {
  const lines = output.split("\n").map((line) => line.trim());
  return lines.flatMap(
    (line) => new RegExp(`^(?:OpenClaw )?(${VERSION})(?: \\([0-9a-f]+\\))?$`).exec(line)?.[1] ?? [],
  )[0];
}

/** Compares the version that Plane reports with those that are known to work. Says nothing without a warning. */
export function checkKnownPlane(version: string, known: readonly string[] | undefined): Finding[] {
  if (!isUntestedPlane(version, known)) return [];
  const { warning } = createReport("plane version");
  return [
    warning`${version}: Groundcrew was not tried with Plane ${toReleaseLine(version)}, only with ${known?.join(", ")}
      → Check that tasks, relations and webhooks work as expected, or use one of these versions.`,
  ];
}

/** Compares the version of OpenClaw on this machine; undefined when it is not known. Says nothing without a warning. */
export function checkKnownOpenclaw(version: string | undefined, known: readonly string[] | undefined): Finding[] {
  if (version === undefined || known === undefined || known.includes(version)) return [];
  const { warning } = createReport("openclaw version");
  return [
    warning`${version}: Groundcrew was not tried with this version of OpenClaw, only with ${known.join(", ")}
      → Check that wakes, skill and tools work as expected. \`groundcrew openclaw upgrade\` tests a version before it
      stays.`,
  ];
}
