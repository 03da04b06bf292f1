import { z } from "zod";
import { cleanLine } from "../../shared/clean-text.ts";
import type { Ms } from "../../shared/time.ts";

export const SKILL_NAME = "plane-bridge";

/** What came of running `openclaw …`; the texts may be cut off. */
export type OpenclawOutput =
  | { kind: "said"; code: number | null; out: string; err: string }
  | { kind: "late"; ms: Ms }
  | { kind: "not started"; why: string };

/** What OpenClaw thinks of the skill. `path`: the file it took it from. */
export type SkillVerdict =
  | { kind: "loaded"; path: string | undefined }
  | { kind: "not found" }
  /** Switched off, not on a list of allowed ones, not on the agent's list, or not shown to the model. */
  | { kind: "disabled" | "not allowed" | "not the agent's" | "not shown" }
  /** What it asks for is not there; each with its kind, as `curl (bins)`. */
  | { kind: "unmet"; missing: string[] }
  /** This version knows no `--agent`. */
  | { kind: "no agents" }
  | { kind: "unclear"; why: string };

const namesSchema = z.array(z.string()).default([]);

/** An entry of `skills info --json`: 2026.2 has the first few, 2026.9 all of these. */
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

/** 2026.2: `{error: "not found", skill}` and exit code 0; 2026.9: `{ok: false, error: {message}, skill}` and 1. */
const refusalSchema = z.object({
  error: z.union([z.string(), z.object({ message: z.string() }).transform(({ message }) => message)]),
  skill: z.string().optional(),
});

const skillAnswerSchema = z.union([skillInfoSchema, refusalSchema]);

/** So many lines that begin like JSON are tried: a program that says nothing else would keep us busy. */
const MAX_ATTEMPTS = 50;

const NO_AGENT_OPTION = /unknown option.{0,5}--agent/i;

/** Reads OpenClaw's answer, with whatever log lines are around it. */
export function parseSkillVerdict(output: OpenclawOutput): SkillVerdict {
  if (output.kind === "late") return { kind: "unclear", why: `no answer within ${output.ms / 1000} s` };
  if (output.kind === "not started") return { kind: "unclear", why: output.why };
  for (const json of extractJsonObjects(output.out)) {
    const parsed = skillAnswerSchema.safeParse(json);
    if (!parsed.success) continue;
    if ("eligible" in parsed.data) return toSkillVerdict(parsed.data);
    const { error, skill } = parsed.data;
    return skill !== undefined && /not found/i.test(error)
      ? { kind: "not found" }
      : { kind: "unclear", why: cleanLine(error, 200) };
  }
  if (NO_AGENT_OPTION.test(output.err) || NO_AGENT_OPTION.test(output.out)) return { kind: "no agents" };
  const line = cleanLine(findFirstLine(output.err) ?? findFirstLine(output.out) ?? "nothing", 200);
  return { kind: "unclear", why: `exit code ${output.code ?? "none"}: ${line}` };
}

function toSkillVerdict(entry: z.infer<typeof skillInfoSchema>): SkillVerdict {
  if (entry.disabled) return { kind: "disabled" };
  if (entry.blockedByAllowlist) return { kind: "not allowed" };
  const missing = Object.entries(entry.missing).flatMap(([kind, those]) => those.map((one) => `${one} (${kind})`));
  if (!entry.eligible) return { kind: "unmet", missing };
  if (entry.blockedByAgentFilter) return { kind: "not the agent's" };
  if (!entry.modelVisible) return { kind: "not shown" };
  return { kind: "loaded", path: entry.filePath };
}

/** The objects in a text, each on one line or as `JSON.stringify` indents it; no more than the first few attempts. */
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
