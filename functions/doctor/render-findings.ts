import { cleanLine } from "../../shared/clean-text.ts";
import type { DoctorFindings } from "./run-checks.ts";

const MAX_DETAIL_LENGTH = 2_000;

/** The findings for a terminal: one line each, followed by a line that says what to do where needed. */
export function renderFindings({ checks }: DoctorFindings): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, todo }) => {
    const line = `${status.padEnd(7)}  ${cleanLine(name, 80).padEnd(width)}  ${cleanLine(detail, MAX_DETAIL_LENGTH)}`;
    return todo === undefined ? [line] : [line, `${" ".repeat(width + 11)}→ ${cleanLine(todo, MAX_DETAIL_LENGTH)}`];
  });
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  const summary = `${count("ok")} ok, ${count("warning")} warnings, ${count("failed")} failed`;
  return `${[...lines, "", summary].join("\n")}\n`;
}

/** The findings as `{checks: [{name, status, detail, todo?}], ok}` in one line. */
export function renderFindingsJson({ checks, ok }: DoctorFindings): string {
  return `${JSON.stringify({ checks, ok })}\n`;
}
