import { lstatSync, readFileSync } from "node:fs";
import { parsePinnedValue } from "../../functions/doctor/openclaw-version.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { replaceFile } from "./replace-file.ts";

interface PinnedLine {
  /** The file's text before and after the version. */
  before: string;
  version: string;
  after: string;
}

/** The version that a variable of an environment file pins, such as `OPENCLAW_IMAGE=ghcr.io/openclaw/openclaw:2026.2.26`. */
export function readPinnedVariable(path: string, variable: string): string {
  return findPinnedLine(path, variable).version;
}

/** Replaces the version in the variable's value; everything else in the file, its mode included, stays. */
export function writePinnedVariable(path: string, variable: string, version: string): void {
  const { before, version: current, after } = findPinnedLine(path, variable);
  if (current !== version) replaceFile(path, `${before}${version}${after}`);
}

function findPinnedLine(path: string, variable: string): PinnedLine {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile())
    throw createPinError(`${path} ${stats ? "is not a regular file" : "does not exist"}. It must contain ${variable}.`);
  const text = readFileSync(path, "utf8");
  const lines = [...text.matchAll(new RegExp(`^(?:export )?${variable}=(["']?)([^"'\r\n]*)\\1[ \t]*$`, "gm"))];
  const [line] = lines;
  if (!line || lines.length > 1)
    throw createPinError(
      `${path} has ${lines.length} lines ${variable}=…, wanted: one, such as ${variable}=ghcr.io/openclaw/openclaw:2026.2.26. Use this variable for the image in the Compose file, or name yours as "variable".`,
    );
  const value = line[2] ?? "";
  const parts = parsePinnedValue(value);
  if (!parts)
    throw createPinError(
      `${variable} in ${path} does not end in a version of OpenClaw, such as 2026.2.26 (neither "latest" nor a digest can be compared). Pin one.`,
    );
  const start = line.index + line[0].lastIndexOf(value) + parts.before.length;
  return { before: text.slice(0, start), version: parts.version, after: text.slice(start + parts.version.length) };
}

function createPinError(message: string): GroundcrewError {
  return new GroundcrewError("bad_request", message);
}
