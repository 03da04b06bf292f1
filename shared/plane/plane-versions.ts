/** Which versions of Plane Groundcrew was tried with. */

/** Reads the list in the text of compose/versions.env; undefined where it has none. */
export function parseKnownPlaneVersions(text: string): string[] | undefined {
  const [, list = ""] = /^PLANE_KNOWN_VERSIONS=(.*)$/m.exec(text) ?? [];
  const versions = list.split(",").flatMap((version) => version.trim() || []);
  return versions.length > 0 ? versions : undefined;
}

/**
 * Whether Groundcrew was not tried with a version that Plane reports. Only release lines such as 1.3 are compared,
 * because Plane v1.2.2 reports itself as 1.2.0. False when there is nothing to compare.
 */
export function isUntestedPlane(version: string, known: readonly string[] | undefined): boolean {
  const line = toReleaseLine(version);
  return known !== undefined && line !== undefined && !known.some((one) => toReleaseLine(one) === line);
}

/** `1.3` of `v1.3.1`; undefined for other texts. */
export function toReleaseLine(version: string): string | undefined {
  return /^v?(\d+\.\d+)(?:\.|$)/.exec(version)?.[1];
}
