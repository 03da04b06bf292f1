/** A finding of the doctor or of an upgrade, what checks need, and the list of findings as text or JSON. */

import { z } from "zod";
import type { Deps } from "../../shared/app/deps.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";

export const findingSchema = z.object({
  /** The part that was checked, for example `plane webhook`. */
  name: z.string(),
  /** `skipped`: this version or machine cannot tell; the detail says why. Only upgrades have it. */
  status: z.enum(["ok", "warning", "failed", "skipped"]),
  /** The finding, for people; never contains a secret. */
  detail: z.string(),
  todo: z.string().exactOptional(),
});

export type Finding = z.infer<typeof findingSchema>;

/** With what the checks send requests, each once. */
export type QueryDeps = Pick<Deps, "fetch" | "clock">;

export interface DoctorFindings {
  checks: Finding[];
  /** Parts of an installation that are not set up, with what to do. Only the checklist has them. */
  unset: Pick<Finding, "name" | "todo">[];
  /** True when nothing failed; warnings do not count. */
  ok: boolean;
  /** True when the settings are invalid, so that nothing else was checked. */
  settingsFailed: boolean;
}

/** The template tags for findings about one part. */
export type FindingReport = Record<Finding["status"], ReportTag>;

type ReportTag = (strings: TemplateStringsArray, ...values: readonly unknown[]) => Finding;

const MAX_DETAIL_LENGTH = 2_000;

/**
 * Creates the template tags for findings about one part. A finding is written as it is printed: what was found and,
 * after ` → `, how to fix it. A line break in the template with its blanks is one blank; values are never split.
 */
export function createReport(name: string): FindingReport {
  const report = (status: Finding["status"]): ReportTag => {
    return (strings, ...values) => {
      const [detail = "", todo] = splitFinding(strings, values);
      return { name, status, detail, ...omitUndefined({ todo }) };
    };
  };
  return { ok: report("ok"), skipped: report("skipped"), warning: report("warning"), failed: report("failed") };
}

function splitFinding(strings: readonly string[], values: readonly unknown[]): string[] {
  const sides = [""];
  for (const [i, text] of strings.entries()) {
    const [rest = "", ...next] = text.replaceAll(/\s*\n\s*/g, " ").split(" → ");
    sides.push(`${sides.pop()}${rest}`, ...next);
    sides.push(`${sides.pop()}${values[i] ?? ""}`);
  }
  return sides;
}

/** The findings among these; a condition that does not hold is none. */
export function collectFindings(...findings: readonly (Finding | false | undefined)[]): Finding[] {
  return findings.filter((finding) => finding !== false && finding !== undefined);
}

export function hasFailure(findings: readonly Finding[]): boolean {
  return findings.some(({ status }) => status === "failed");
}

/** The findings for a terminal, with their number. */
export function renderFindings({ checks }: DoctorFindings): string {
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  const summary = `${count("ok")} ok, ${count("warning")} warnings, ${count("failed")} failed`;
  return `${[...renderFindingLines(checks), "", summary].join("\n")}\n`;
}

/** One line for each finding, or what has its form, followed by a line that says what to do where needed. */
export function renderFindingLines(rows: readonly (Omit<Finding, "status"> & { status: string })[]): string[] {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.flatMap(({ name, status, detail, todo }) => {
    const line = `${status.padEnd(7)}  ${cleanLine(name, 80).padEnd(width)}  ${cleanLine(detail, MAX_DETAIL_LENGTH)}`;
    return todo === undefined ? [line] : [line, `${" ".repeat(width + 11)}→ ${cleanLine(todo, MAX_DETAIL_LENGTH)}`];
  });
}

/** What no check can see. */
const BY_HAND = [
  "a backup was restored on another machine, and its time is known (docs/operations.md#restore)",
  "Plane and the page answer 403 from outside the VPN, and /webhooks/health answers ok",
  "/webhooks/health is watched from outside, and a test alert has reached a person",
  "the recovery file of provision (provision-secrets.json) is kept off this machine",
];

/** The findings as a checklist in Markdown: open points have an empty box and what to do. */
export function renderChecklist({ checks, unset }: DoctorFindings): string {
  const points = [
    ...checks.map(({ name, status, detail, todo }) => ({ isDone: status === "ok", text: `${name}: ${detail}`, todo })),
    ...unset.map(({ name, todo }) => ({ isDone: false, text: `${name}: not set up`, todo })),
  ];
  const lines = points.flatMap(({ isDone, text, todo }) => {
    const line = `- [${isDone ? "x" : " "}] ${cleanLine(text, MAX_DETAIL_LENGTH)}`;
    return isDone || todo === undefined ? [line] : [line, `  - ${cleanLine(todo, MAX_DETAIL_LENGTH)}`];
  });
  const open = points.filter(({ isDone }) => !isDone).length;
  const byHand = BY_HAND.map((text) => `- [ ] ${text}`);
  return `${[`# Production checklist: ${open} open`, "", ...lines, "", "By hand:", "", ...byHand].join("\n")}\n`;
}

/** The findings as `{checks: [{name, status, detail, todo?}], ok}` in one line. */
export function renderFindingsJson({ checks, ok }: DoctorFindings): string {
  return `${JSON.stringify({ checks, ok })}\n`;
}
