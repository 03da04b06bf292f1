/**
 * Cleaning texts that others wrote: control, bidirectional and invisible characters are removed before a text reaches
 * a line, an agent, a terminal or a log, and secrets are replaced.
 */

/** Runs of white space, control characters (C0 and C1) and line or paragraph separators; each run becomes one space. */
const BLANKS = /[\p{Cc}\u2028\u2029\s]+/gu;

/** Characters that reorder or hide the text around them: bidirectional controls, zero-width spaces, tag characters. */
const INVISIBLE = /[\u061c\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const LINE_ENDS = /\r\n|[\r\u0085\u2028\u2029]/gu;

const LINE_SEPARATORS = /[\u2028\u2029]/gu;

/** Control characters other than line feed and tab. */
const CONTROLS = /[^\P{Cc}\n\t]/gu;

/** Characters other than printable ASCII, of which most log lines consist. */
const NOT_PLAIN = /[^ -~]/;

/**
 * Cleans a text to one line without control characters, bidirectional characters or lone surrogates. The result has at
 * most `limit` UTF-16 units and ends in "…" when it was truncated.
 */
export function cleanLine(text: string, limit: number): string {
  return truncate(text.toWellFormed().replace(INVISIBLE, "").replace(BLANKS, " ").trim(), limit);
}

function truncate(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const start = text.slice(0, limit - 1);
  const complete = start.isWellFormed() ? start : start.slice(0, -1);
  return `${complete.trimEnd()}…`;
}

/** Same as `cleanLine`, but keeps line breaks and tabs: for texts that agents and terminals show. */
export function cleanText(text: string, limit: number): string {
  return truncate(removeInvisible(text).trim(), limit);
}

/** Same as `cleanText`, but keeps the white space at both ends and any length. */
export function removeInvisible(text: string): string {
  return text.toWellFormed().replace(INVISIBLE, "").replace(LINE_ENDS, "\n").replace(CONTROLS, "");
}

/**
 * Cleans one line of a log, which may have any length: removes bidirectional and other invisible characters and control
 * characters, and replaces line and paragraph separators by spaces.
 */
export function cleanLogLine(line: string): string {
  return NOT_PLAIN.test(line) ? line.replace(INVISIBLE, "").replace(LINE_SEPARATORS, " ").replace(CONTROLS, "") : line;
}

/**
 * Removes control and bidirectional characters from every text of an answer: texts that people wrote must not act on a
 * terminal, hide parts from an agent, or look different on the page.
 */
export function sanitizeOutput(value: unknown): unknown {
  // White space stays: that between words is at the end of a text where formatting begins.
  if (typeof value === "string") return removeInvisible(value);
  if (Array.isArray(value)) return value.map(sanitizeOutput);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, sanitizeOutput(inside)]));
}

/**
 * Creates a function that replaces every occurrence of a secret in a text by `[secret]`. It is an additional safeguard:
 * callers must not put secrets into texts. Secrets of fewer than 6 characters are not replaced, because they may be
 * ordinary words.
 */
export function createRedactor(secrets: readonly string[]): (text: string) => string {
  const redactable = secrets.filter((secret) => secret.length >= 6).sort((a, b) => b.length - a.length);
  if (redactable.length === 0) return (text) => text;
  // One pattern for all secrets, because it is applied to every log line.
  const pattern = new RegExp(
    redactable.map((secret) => secret.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"),
    "g",
  );
  return (text) => text.replace(pattern, "[secret]");
}

/** Parses a text that may be JSON, or cut off, or something else: undefined when it is not JSON. */
export function tryParseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
