import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import type { KnownVersions } from "../../functions/doctor/known-versions.ts";

/** Reads `compose/versions.env` of this installation. */
export function readKnownVersions(
  path: URL | string = new URL("../../compose/versions.env", import.meta.url),
): KnownVersions {
  let values: Record<string, string | undefined> = {};
  try {
    values = parseEnv(readFileSync(path, "utf8"));
  } catch {
    // A tree without the file knows no versions, and then nothing is said about them.
  }
  const readList = (name: string) => {
    const list = (values[name] ?? "").split(",").flatMap((version) => version.trim() || []);
    return list.length > 0 ? list : undefined;
  };
  return { plane: readList("PLANE_KNOWN_VERSIONS"), openclaw: readList("OPENCLAW_KNOWN_VERSIONS") };
}
