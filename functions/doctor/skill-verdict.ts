import { z } from "zod";
import { cleanLine } from "../../shared/clean-text.ts";
import type { Ms } from "../../shared/time.ts";

export const SKILL_NAME = "plane-bridge";

/** Result of running `openclaw …`. `out` and `err` may be truncated. */
export type OpenclawOutput =
  | { kind: "exited"; code: number | null; out: string; err: string }
  | { kind: "timeout"; ms: Ms }
  | { kind: "not started"; why: string };

/** State of the skill in OpenClaw. `path` is the file from which it was loaded. */
export type SkillVerdict =
  | { kind: "loaded"; path: string | undefined }
  | { kind: "not found" }
  /** Disabled, not in the list of allowed skills, not in the agent's list, or not shown to the model. */
  | { kind: "disabled" | "not allowed" | "not the agent's" | "not shown" }
  /** Requirements of the skill that are missing, each with its kind: `curl (bins)`. */
  | { kind: "not eligible"; missing: string[] }
  /** This version of OpenClaw does not support `--agent`. */
  | { kind: "no agent option" }
  | { kind: "unknown"; why: string };

const namesSchema = z.array(z.string()).default([]);

/** Answer of `skills info --json`. 2026.2 lacks the fields that have a default here. */
const skillInfoSchema = z.object({
  name: z.string(),
  eligible: z.boolean(),
  disabled: z.boolean().default(false),
  blockedByAllowlist: z.boolean().default(false),
  blockedByAgentFilter: z.boolean().default(false),
  modelVisible: z.boolean().default(true),
  filePath: z.string().optional(),
  missing: z.object({
    bins: namesSchema,
    anyBins: namesSchema,
    env: namesSchema,
    config: namesSchema,
    os: namesSchema,
  }),
});

/**
 * 2026.2 prints `{error: "not found", skill}` and exits with 0; 2026.9 prints `{ok: false, error: {message}, skill}`
 * and exits with 1.
 */
const refusalSchema = z.object({
  error: z.union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)]),
  skill: z.string().optional(),
});

const skillAnswerSchema = z.union([skillInfoSchema, refusalSchema]);

/** Limit of lines parsed as the beginning of JSON: 50, so that endless output of braces costs little time. */
const MAX_ATTEMPTS = 50;

const NO_AGENT_OPTION = /unknown option.{0,5}--agent/i;

/** Parses OpenClaw's answer, which may have log lines before and after it. */
export function parseSkillVerdict(output: OpenclawOutput): SkillVerdict {
  if (output.kind === "timeout") return { kind: "unknown", why: `no answer within ${output.ms / 1000} s` };
  if (output.kind === "not started") return { kind: "unknown", why: output.why };
  for (const json of extractJsonObjects(output.out)) {
    const parsed = skillAnswerSchema.safeParse(json);
    if (!parsed.success) continue;
    if ("eligible" in parsed.data) return toSkillVerdict(parsed.data);
    const { error, skill } = parsed.data;
    return skill !== undefined && /not found/i.test(error)
      ? { kind: "not found" }
      : { kind: "unknown", why: cleanLine(error, 200) };
  }
  if (NO_AGENT_OPTION.test(output.err) || NO_AGENT_OPTION.test(output.out)) return { kind: "no agent option" };
  const line = cleanLine(findFirstLine(output.err) ?? findFirstLine(output.out) ?? "no output", 200);
  return { kind: "unknown", why: `exit code ${output.code ?? "none"}: ${line}` };
}

function toSkillVerdict(entry: z.infer<typeof skillInfoSchema>): SkillVerdict {
  if (entry.disabled) return { kind: "disabled" };
  if (entry.blockedByAllowlist) return { kind: "not allowed" };
  const missing = Object.entries(entry.missing).flatMap(([kind, names]) => names.map((name) => `${name} (${kind})`));
  if (!entry.eligible) return { kind: "not eligible", missing };
  if (entry.blockedByAgentFilter) return { kind: "not the agent's" };
  if (!entry.modelVisible) return { kind: "not shown" };
  return { kind: "loaded", path: entry.filePath };
}

/**
 * The JSON objects in a text, each on one line or indented as by `JSON.stringify`. Tries at most `MAX_ATTEMPTS` lines.
 */
export function extractJsonObjects(text: string): unknown[] {
  const lines = text.split("\n").map((line) => line.trimEnd());
  const starts = lines.flatMap((line, at) => (line.startsWith("{") ? [at] : [])).slice(0, MAX_ATTEMPTS);
  return starts.flatMap((at) => {
    const end = lines[at] === "{" ? lines.indexOf("}", at) : at;
    return tryParseJson(lines.slice(at, end + 1).join("\n"));
  });
}

function tryParseJson(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}

function findFirstLine(text: string): string | undefined {
  return text.split("\n").find((line) => line.trim() !== "");
}
