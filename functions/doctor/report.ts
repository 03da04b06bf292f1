import { cleaned } from "../../shared/clean.ts";
import type { Findings } from "./examine.ts";

const LONGEST = 2_000;

/** The findings for a terminal: one line each, and what to do under those that need it. */
export function asText({ checks }: Findings): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, status, detail, todo }) => {
    const line = `${status.padEnd(7)}  ${cleaned(name, 80).padEnd(width)}  ${cleaned(detail, LONGEST)}`;
    return todo === undefined ? [line] : [line, `${" ".repeat(width + 11)}→ ${cleaned(todo, LONGEST)}`];
  });
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  const sum = `${count("ok")} ok, ${count("warning")} warnings, ${count("failed")} failed`;
  return `${[...lines, "", sum].join("\n")}\n`;
}

/** `{checks: [{name, status, detail, todo?}], ok}` in one line. */
export function asJson({ checks, ok }: Findings): string {
  return `${JSON.stringify({ checks, ok })}\n`;
}
