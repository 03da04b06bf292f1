import { type DoctorCheck, reportWarning } from "./check.ts";

/** Versions of other programs that Groundcrew is known to work with; undefined when that is unknown. */
export interface KnownVersions {
  plane: readonly string[] | undefined;
  openclaw: readonly string[] | undefined;
}

/**
 * Compares the version that Plane reports with those that are known to work. Only release lines such as 1.3 are
 * compared, because Plane v1.2.2 reports itself as 1.2.0. Says nothing when there is nothing to warn about or to compare.
 */
export function checkKnownPlane(version: string, known: readonly string[] | undefined): DoctorCheck[] {
  const line = toReleaseLine(version);
  if (known === undefined || line === undefined || known.some((one) => toReleaseLine(one) === line)) return [];
  return [
    reportWarning(
      "plane version",
      `${version}: Groundcrew was not tried with Plane ${line}, only with ${known.join(", ")}`,
      "Check that tasks, relations and webhooks work as expected, or use one of these versions.",
    ),
  ];
}

/** Compares the version of OpenClaw on this machine; undefined when it is not known. Says nothing without a warning. */
export function checkKnownOpenclaw(version: string | undefined, known: readonly string[] | undefined): DoctorCheck[] {
  if (version === undefined || known === undefined || known.includes(version)) return [];
  return [
    reportWarning(
      "openclaw version",
      `${version}: Groundcrew was not tried with this version of OpenClaw, only with ${known.join(", ")}`,
      "Check that wakes, skill and tools work as expected. `groundcrew openclaw upgrade` tests a version before it stays.",
    ),
  ];
}

/** `1.3` of `v1.3.1`; undefined for other texts. */
function toReleaseLine(version: string): string | undefined {
  return /^v?(\d+\.\d+)(?:\.|$)/.exec(version)?.[1];
}
