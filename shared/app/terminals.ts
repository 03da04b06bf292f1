/**
 * The terminals of running sessions: the form of a picture, the latest pictures in memory while somebody watches, and
 * their cleaning of everything but text and colours.
 */

import { z } from "zod";
import { omitUndefined } from "../omit-undefined.ts";
import { removeInvisible } from "../text.ts";
import { isRecent, type Ms, SECOND } from "../time.ts";

/** A frame and when it arrived; `history`: the lines above the screen that were known last. */
export interface ReceivedFrame extends Omit<TerminalFrame, "above" | "is_above_whole"> {
  at: Ms;
  history?: string;
}

/** The last pictures of terminals and who watches them, in the memory of one process. */
export type Terminals = ReturnType<typeof createTerminals>;

/** Limit of a frame's body in bytes: 2 MB, the longest screen and history in three-byte characters with room to spare. */
export const FRAME_LIMIT_BYTES = 2 * 1024 * 1024;

/**
 * Limit of a frame's text in UTF-16 units: 256 Ki. A screen of 120 columns and 40 rows with another 24-bit colour in
 * each cell has 190,000; an ordinary one 3,000 to 8,000.
 */
export const MAX_FRAME_LENGTH = 256 * 1024;

/** Limits of what is kept of the lines above a screen: 1,000 lines, 256 Ki UTF-16 units. */
export const MAX_HISTORY_LINES = 1_000;

export const MAX_HISTORY_LENGTH = 256 * 1024;

/** Limits of a terminal's size: 500 columns, 300 rows. */
export const MAX_COLUMNS = 500;

export const MAX_ROWS = 300;

/** The picture of a terminal at one moment, as a runner sends it. */
export const terminalFrameSchema = z.object({
  run: z.int().min(1),
  columns: z.int().min(1).max(MAX_COLUMNS),
  rows: z.int().min(1).max(MAX_ROWS),
  /** From 0; absent while the cursor is hidden. */
  cursor: z
    .object({
      column: z.int().min(0).max(MAX_COLUMNS),
      row: z.int().min(0).max(MAX_ROWS),
    })
    .exactOptional(),
  /** One line for each row, with ANSI colours. */
  screen: z.string().max(MAX_FRAME_LENGTH),
  /** The lines that stand above the screen: the last few, or with `is_above_whole` all that are kept. */
  above: z.string().max(MAX_HISTORY_LENGTH).exactOptional(),
  is_above_whole: z.literal(true).exactOptional(),
});

export type TerminalFrame = z.infer<typeof terminalFrameSchema>;

/** The answer to a frame: whether somebody still watches. */
export const frameAnswerSchema = z.object({ watched: z.boolean() });

/** Time for which a terminal counts as watched after its last viewer left: 5 s, longer than a page takes to reload. */
const LINGER_MS: Ms = 5 * SECOND;

/** Limits of the kept frames: of 50 tickets, and 4 Mi UTF-16 units together (8 MB), the latest ones. */
const MAX_FRAMES = 50;

const MAX_TOTAL_LENGTH = 4 * 1024 * 1024;

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

/** @param limits of the kept frames, see above */
export function createTerminals(
  { clock }: { clock: () => Ms },
  { maxFrames, maxTotalLength } = { maxFrames: MAX_FRAMES, maxTotalLength: MAX_TOTAL_LENGTH },
) {
  /** The latest one is the last. */
  const frames = new Map<string, ReceivedFrame>();
  const viewers = new Map<string, Set<(frame: ReceivedFrame) => void>>();
  const leftAt = new Map<string, Ms>();
  let totalLength = 0;

  function remove(ticket: string) {
    totalLength -= getLength(frames.get(ticket));
    frames.delete(ticket);
  }

  function keep(ticket: string, frame: ReceivedFrame) {
    remove(ticket);
    frames.set(ticket, frame);
    totalLength += getLength(frame);
    for (const oldest of frames.keys()) {
      if (frames.size <= maxFrames && totalLength <= maxTotalLength) break;
      remove(oldest);
    }
  }

  /** The last frame of a run. */
  function find(ticket: string, run: number): ReceivedFrame | undefined {
    const frame = frames.get(ticket);
    return frame?.run === run ? frame : undefined;
  }

  /** Somebody watches this ticket, or did within the last seconds. */
  function isWatched(ticket: string): boolean {
    if (viewers.has(ticket)) return true;
    const left = leftAt.get(ticket);
    if (left === undefined) return false;
    if (isRecent(left, LINGER_MS, clock())) return true;
    leftAt.delete(ticket);
    return false;
  }

  return {
    isWatched,
    /** Keeps a frame and hands it to the viewers. Returns whether anybody watches; without viewers nothing is kept. */
    receive(ticket: string, frame: Omit<ReceivedFrame, "at">): boolean {
      if (!isWatched(ticket)) return false;
      const history = frame.history ?? find(ticket, frame.run)?.history;
      const received = { ...frame, ...omitUndefined({ history }), at: clock() };
      keep(ticket, received);
      for (const show of viewers.get(ticket) ?? []) show(received);
      return true;
    },
    find,
    /** Adds a viewer, which is called for each frame, and returns a function that removes it. */
    addViewer(ticket: string, show: (frame: ReceivedFrame) => void): () => void {
      const shown = viewers.get(ticket) ?? new Set();
      viewers.set(ticket, shown.add(show));
      leftAt.delete(ticket);
      return () => {
        if (!shown.delete(show) || shown.size > 0) return;
        viewers.delete(ticket);
        // Sweeps the tickets that nobody has asked about since.
        for (const key of [...leftAt.keys()]) isWatched(key);
        leftAt.set(ticket, clock());
      };
    },
  };
}

function getLength({ screen = "", history = "" }: Partial<ReceivedFrame> = {}): number {
  return screen.length + history.length;
}

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
