/** What a command prints and how it ends: answers as text or JSON without control characters, errors, and exit codes. */

import { cleanText } from "../../shared/text.ts";
import type { StatusLine } from "../node/process.ts";

type Fields = Record<string, unknown>;

/** What a command gets of the process. */
export interface CommandHost {
  env: Record<string, string | undefined>;
  cwd: string;
  stdin: NodeJS.ReadableStream;
  err: (text: string) => void;
  /** What shows the progress of long commands. */
  status?: Pick<StatusLine, "show" | "noteStep">;
}

/** Exit codes of a command; those from 64 up are defined in sysexits.h. */
export const EXIT = {
  done: 0,
  /** The call was refused or failed. */
  failed: 1,
  /** The command itself is wrong. */
  usage: 2,
  /** EX_TEMPFAIL: the same command may work later. */
  later: 75,
  /** EX_CONFIG: a human must change a setting, so restarting does not help. */
  config: 78,
  /** EX_NOPERM: no token, a wrong one, or one that others can read. */
  token: 77,
} as const;

/** Ends the command with an exit code. People read the message; with `--json` code and retryAfter are printed as well. */
export class CommandError extends Error {
  readonly exit: number;
  readonly code: string;
  /** Seconds after which the command may be repeated. */
  readonly retryAfter: number | undefined;

  constructor(exit: number, message: string, details: { code?: string; retryAfter?: number | undefined } = {}) {
    super(message);
    this.exit = exit;
    this.code = details.code ?? (exit === EXIT.usage ? "usage" : exit === EXIT.token ? "token" : "failed");
    this.retryAfter = details.retryAfter;
  }
}

export function createUsageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message);
}

/**
 * Formats an answer as one line of JSON; characters that a terminal would interpret are escaped as `\uXXXX`. `replace`
 * is called with each value, as `JSON.stringify` does.
 */
export function formatJsonLine(value: unknown, replace?: (name: string, value: unknown) => unknown): string {
  const line = JSON.stringify(value, replace) ?? "null";
  const toUnit = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const toEscape = (character: string) => character.split("").map(toUnit).join("");
  return `${line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, toEscape)}\n`;
}

/** Formats text for a terminal, without control characters that the terminal would interpret. */
export function formatForTerminal(text: string): string {
  return `${cleanText(text, Number.POSITIVE_INFINITY)}\n`;
}

/** Formats an answer for people: one line per field, the items of a list below each other. */
export function formatAnswer(value: unknown): string {
  const text = isFields(value) ? renderFields(value, "").join("\n") : formatPlain(value);
  return formatForTerminal(text);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function renderFields(fields: Fields, indent: string): string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : renderField(name, value, indent),
  );
}

function renderField(name: string, value: unknown, indent: string): string[] {
  const deeper = `${indent}  `;
  if (isFields(value)) return [`${indent}${name}:`, ...renderFields(value, deeper)];
  if (Array.isArray(value) && value.some(isFields)) {
    const items = value.flatMap((item) =>
      isFields(item) ? renderListItem(item, deeper) : [`${deeper}${formatPlain(item)}`],
    );
    return [`${indent}${name} (${value.length}):`, ...items];
  }
  const text = Array.isArray(value) ? value.map(formatPlain).join(", ") || "none" : formatPlain(value);
  if (!text.includes("\n")) return [`${indent}${name}: ${text}`];
  return [`${indent}${name}:`, ...text.split("\n").map((line) => deeper + line)];
}

/** Renders one item of a list: a task begins with its key and title, followed by its other fields. */
function renderListItem(fields: Fields, indent: string): string[] {
  const { key, title, ...rest } = fields;
  if (typeof key === "string" && typeof title === "string")
    return [`${indent}${key}  ${formatPlain(title).replaceAll("\n", " ")}`, ...renderFields(rest, `${indent}  `)];
  const [first = "", ...more] = renderFields(fields, `${indent}  `);
  return [`${indent}- ${first.trimStart()}`, ...more];
}

function formatPlain(value: unknown): string {
  if (value === null || value === undefined) return "none";
  return typeof value === "string" ? value : String(JSON.stringify(value));
}
