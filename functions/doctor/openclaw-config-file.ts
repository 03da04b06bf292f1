import { getErrorMessage } from "../../shared/errors.ts";
import { parseJson5 } from "./parse-json5.ts";

/** OpenClaw's settings on this machine. */
export interface OpenclawConfigFiles {
  /** The main file. */
  path: string;
  /** Whether OPENCLAW_CONFIG names it; otherwise it need not exist. */
  isConfigured: boolean;
  /** Text of a file; undefined when it does not exist. Throws when it cannot be read. */
  read: (path: string) => string | undefined;
  /** The path of an included file, which is relative to the including one. */
  resolve: (from: string, path: string) => string;
}

/** Limit of files that include each other: 10, so that a loop ends. */
const MAX_DEPTH = 10;

/**
 * Reads the settings and the files they include. Returns undefined when there are none and OPENCLAW_CONFIG is not set.
 * No problem quotes the text, which may contain secrets.
 */
export function loadOpenclawConfig(files: OpenclawConfigFiles): { config: unknown } | { problem: string } | undefined {
  let path = files.path;

  function load(from: string, depth: number): unknown {
    path = from;
    const text = files.read(from);
    if (text === undefined) throw new MissingFileError();
    const parsed = parseJson5(text);
    if (!isRecord(parsed) || parsed["$include"] === undefined) return parsed;
    if (depth >= MAX_DEPTH) throw new Error("too many files include each other");
    const { $include, ...own } = parsed;
    const included = [$include].flat().map((name) => load(files.resolve(from, String(name)), depth + 1));
    return [...included, own].reduce(mergeConfigs);
  }

  try {
    return { config: load(files.path, 0) };
  } catch (thrown) {
    if (thrown instanceof MissingFileError) {
      if (path === files.path && !files.isConfigured) return undefined;
      return { problem: `${path} does not exist` };
    }
    const reason = thrown instanceof SyntaxError ? "it is not valid JSON5" : getErrorMessage(thrown);
    return { problem: `${path} cannot be read: ${reason}` };
  }
}

class MissingFileError extends Error {}

/** Merges settings as OpenClaw does: objects by key, lists one after the other, other values from the second. */
function mergeConfigs(first: unknown, second: unknown): unknown {
  if (Array.isArray(first) && Array.isArray(second)) return [...first, ...second];
  if (!isRecord(first) || !isRecord(second)) return second;
  const keys = new Set([...Object.keys(first), ...Object.keys(second)]);
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      key in first && key in second ? mergeConfigs(first[key], second[key]) : (second[key] ?? first[key]),
    ]),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
