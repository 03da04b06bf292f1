import type { TerminalFrame } from "./messages.ts";

const COLUMNS = 100;
const ROWS = 30;
/** Number of lines in a report: 40, as a runner reports them. */
const REPORTED_LINES = 40;
/** Limit of lines that are kept. */
const MAX_LINES = 200;
/** Sequences that set colours: the only ones that scripts may use. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these sequences begin with the control character ESC.
const COLOURS = /\u001b\[[\d;]*m/g;
const PROMPT = "❯ ";

/** Creates the screen of a simulated terminal: lines of output above a line of input. */
export function createTerminalScreen() {
  const lines: string[] = [];
  let draft = "";
  return {
    get draft() {
      return draft;
    },
    setDraft(text: string) {
      draft = text;
    },
    print(text: string) {
      for (const line of text.split("\n")) lines.push(...wrapLine(line));
      lines.splice(0, lines.length - MAX_LINES);
    },
    /** The last lines as plain text. */
    getText: () => lines.slice(-REPORTED_LINES).join("\n").replaceAll(COLOURS, ""),
    getPicture(): Omit<TerminalFrame, "run"> {
      const shown = lines.slice(1 - ROWS);
      const input = PROMPT + draft.slice(PROMPT.length - COLUMNS + 1);
      const cursor = { column: input.length, row: shown.length };
      return { columns: COLUMNS, rows: ROWS, cursor, screen: [...shown, input].join("\n") };
    },
  };
}

/** Breaks a line at the right edge, as a terminal does. A line with colours is as long as its text. */
function wrapLine(line: string): string[] {
  if (line.replaceAll(COLOURS, "").length <= COLUMNS) return [line];
  const text = line.replaceAll(COLOURS, "");
  return Array.from({ length: Math.ceil(text.length / COLUMNS) }, (_, i) => text.slice(i * COLUMNS, (i + 1) * COLUMNS));
}
