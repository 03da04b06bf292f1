import { removeInvisible } from "../clean-text.ts";

/** Colours and styles: the only escape sequences of a picture. 60 characters are more than tmux writes at once. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const STYLE = /(\u001b\[[\d;:]{0,60}m)/;

/**
 * Every other escape sequence, with its text: strings (titles, clipboard, links, images), control sequences with
 * parameters (cursor, modes, requests for reports), and two-character ones. The C1 forms are single characters.
 */
const ESCAPE_SEQUENCE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
  /(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|\u001b[ -/]*[0-~]?/g;

/** Characters that move to another line without being a line feed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is removed.
const LINE_MOVES = /[\r\u000b\u000c\u0085\u2028\u2029]/g;

/** The line drawing of terminals: after SO (shift out) letters are lines, until SI (shift in). */
const LINE_LETTERS = "`abcdefghijklmnopqrstuvwxyz{|}~";
const LINE_CHARACTERS = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

/**
 * Cleans the picture of a terminal: text, line feeds, colours and styles stay; nothing that a terminal emulator would
 * act on or answer does. At most `rows` lines remain.
 */
export function cleanScreen(screen: string, rows: number): string {
  let isShifted = false;
  const drawLines = (text: string) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: SO and SI are control characters.
    text.replace(/[\u000e\u000f]|[^\u000e\u000f]+/g, (part) => {
      if (part === "\u000e" || part === "\u000f") isShifted = part === "\u000e";
      else if (isShifted)
        return part.replace(/[`-~]/g, (letter) => LINE_CHARACTERS[LINE_LETTERS.indexOf(letter)] ?? "");
      return part;
    });
  const parts = screen.split(STYLE).map((part, i) => {
    if (i % 2 === 1) return part;
    const text = part.replace(ESCAPE_SEQUENCE, "").replace(LINE_MOVES, "").replaceAll("\t", " ");
    return removeInvisible(drawLines(text));
  });
  return parts.join("").split("\n").slice(0, rows).join("\n");
}
