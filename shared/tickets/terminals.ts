import { isRecent, type Ms, SECOND } from "../time.ts";
import type { TerminalFrame } from "./terminal-frame.ts";

/** Time for which a terminal counts as watched after its last viewer left: 5 s, longer than a page takes to reload. */
const LINGER_MS: Ms = 5 * SECOND;
/** Limits of the kept frames: of 50 tickets, and 4 Mi UTF-16 units together (8 MB), the latest ones. */
const MAX_FRAMES = 50;
const MAX_TOTAL_LENGTH = 4 * 1024 * 1024;

/** A frame and when it arrived. */
export interface ReceivedFrame extends TerminalFrame {
  at: Ms;
}

/** The last pictures of terminals and who watches them, in the memory of one process. */
export interface Terminals {
  /** Keeps a frame and hands it to the viewers. Returns whether anybody watches; without viewers nothing is kept. */
  receive(ticket: string, frame: TerminalFrame): boolean;
  /** The last frame of a run. */
  find(ticket: string, run: number): ReceivedFrame | undefined;
  /** Somebody watches this ticket, or did within the last seconds. */
  isWatched(ticket: string): boolean;
  /** Adds a viewer, which is called for each frame, and returns a function that removes it. */
  addViewer(ticket: string, show: (frame: ReceivedFrame) => void): () => void;
}

/** @param limits of the kept frames, see above */
export function createTerminals(
  { clock }: { clock: () => Ms },
  { maxFrames, maxTotalLength } = { maxFrames: MAX_FRAMES, maxTotalLength: MAX_TOTAL_LENGTH },
): Terminals {
  /** The latest one is the last. */
  const frames = new Map<string, ReceivedFrame>();
  const viewers = new Map<string, Set<(frame: ReceivedFrame) => void>>();
  const leftAt = new Map<string, Ms>();
  let totalLength = 0;

  function remove(ticket: string) {
    totalLength -= frames.get(ticket)?.screen.length ?? 0;
    frames.delete(ticket);
  }

  function keep(ticket: string, frame: ReceivedFrame) {
    remove(ticket);
    frames.set(ticket, frame);
    totalLength += frame.screen.length;
    for (const oldest of frames.keys()) {
      if (frames.size <= maxFrames && totalLength <= maxTotalLength) break;
      remove(oldest);
    }
  }

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
    receive(ticket, frame) {
      if (!isWatched(ticket)) return false;
      const received = { ...frame, at: clock() };
      keep(ticket, received);
      for (const show of viewers.get(ticket) ?? []) show(received);
      return true;
    },
    find(ticket, run) {
      const frame = frames.get(ticket);
      return frame?.run === run ? frame : undefined;
    },
    addViewer(ticket, show) {
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
