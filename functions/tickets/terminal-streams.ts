import type { Deps } from "../../shared/app/deps.ts";
import type { ReceivedFrame } from "../../shared/tickets/terminals.ts";
import { isRecent, MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { readTerminalState } from "./terminal-state.ts";

/** Limit of open streams in one process: 40; a page shows one. */
const MAX_STREAMS = 40;
/** Interval between looks at the ticket of each stream: 1 s. */
const LOOK_INTERVAL: Ms = SECOND;
/** Interval between checks whether the session of the page is still open: 5 s. */
const ACCESS_INTERVAL: Ms = 5 * SECOND;
/** Interval after which an idle stream sends a heartbeat, and limit of its age, as for `/api/events`. */
const HEARTBEAT_INTERVAL: Ms = 15 * SECOND;
const MAX_AGE: Ms = 5 * MINUTE;

interface TerminalStream {
  ticket: string;
  controller: ReadableStreamDefaultController<Uint8Array>;
  openedAt: Ms;
  lastSentAt: Ms;
  checkedAt: Ms;
  isAllowed: () => Promise<boolean>;
  removeViewer: () => void;
  /** What the reader has not received yet, the newest only. */
  frame?: ReceivedFrame;
  state?: string;
  /** The state that was sent last. */
  sentState?: string;
}

/** The viewers' streams of one process: the newest picture of a terminal, and the state of its ticket. */
export interface TerminalStreams {
  /**
   * Opens a stream; undefined when the limit is reached and the readers of all streams keep up.
   * @param isAllowed whether the reader may still read; asked every 5 s
   */
  open(ticket: string, isAllowed: () => Promise<boolean>): ReadableStream<Uint8Array> | undefined;
  readonly size: number;
}

const encoder = new TextEncoder();

export function createTerminalStreams(
  deps: Pick<Deps, "store" | "terminals" | "clock" | "wait" | "stopping">,
  maxStreams = MAX_STREAMS,
): TerminalStreams {
  const streams = new Set<TerminalStream>();
  let isLooking = false;

  /** Sends what is new, unless the reader has not read what was sent before; then it gets the newest when it has. */
  function flush(stream: TerminalStream) {
    const { controller, frame, state } = stream;
    if ((controller.desiredSize ?? 0) <= 0 || (!frame && state === undefined)) return;
    delete stream.frame;
    delete stream.state;
    const events = [
      state === undefined ? "" : formatEvent("state", state),
      frame === undefined ? "" : formatEvent("frame", JSON.stringify(toFrameEvent(frame))),
    ];
    send(stream, events.join(""));
  }

  function send(stream: TerminalStream, text: string) {
    stream.lastSentAt = deps.clock();
    stream.controller.enqueue(encoder.encode(text));
  }

  /** @param finalText sent before the stream ends, if its reader keeps up */
  function close(stream: TerminalStream, finalText?: string) {
    if (!streams.delete(stream)) return;
    stream.removeViewer();
    if (finalText && (stream.controller.desiredSize ?? 0) > 0) stream.controller.enqueue(encoder.encode(finalText));
    stream.controller.close();
  }

  function abort(stream: TerminalStream) {
    streams.delete(stream);
    stream.removeViewer();
    stream.controller.error(new Error("The reader is too slow."));
  }

  async function lookRepeatedly() {
    if (isLooking) return;
    isLooking = true;
    while (streams.size > 0 && !deps.stopping.aborted) {
      const tickets = new Set([...streams].map(({ ticket }) => ticket));
      for (const ticket of tickets) await lookAt(ticket);
      for (const stream of [...streams]) await maintain(stream);
      await deps.wait(LOOK_INTERVAL, deps.stopping);
    }
    for (const stream of [...streams]) close(stream);
    isLooking = false;
  }

  async function lookAt(ticket: string) {
    // An unavailable store counts as no change.
    const found = await readTerminalState(deps, ticket).catch(() => undefined);
    if (!found) return;
    const state = JSON.stringify(found.state);
    for (const stream of streams) {
      if (stream.ticket !== ticket || stream.sentState === state) continue;
      const isFirst = stream.sentState === undefined;
      stream.sentState = state;
      stream.state = state;
      if (isFirst && found.frame) stream.frame ??= found.frame;
      flush(stream);
    }
  }

  async function maintain(stream: TerminalStream) {
    const now = deps.clock();
    if (!isRecent(stream.openedAt, MAX_AGE, now)) return close(stream, formatEvent("again", ""));
    if (!isRecent(stream.checkedAt, ACCESS_INTERVAL, now)) {
      stream.checkedAt = now;
      // An unavailable store proves nothing: the stream ends by its age at the latest.
      if (!(await stream.isAllowed().catch(() => true))) return close(stream, formatEvent("again", ""));
    }
    const isIdle = !isRecent(stream.lastSentAt, HEARTBEAT_INTERVAL, now);
    if (isIdle && (stream.controller.desiredSize ?? 0) > 0) send(stream, formatEvent("beat", ""));
  }

  return {
    get size() {
      return streams.size;
    },
    open(ticket, isAllowed) {
      if (streams.size >= maxStreams) {
        const stalled = [...streams].find(({ controller }) => (controller.desiredSize ?? 0) <= 0);
        if (!stalled) return undefined;
        abort(stalled);
      }
      let opened: TerminalStream;
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            const now = deps.clock();
            const removeViewer = deps.terminals.addViewer(ticket, (frame) => {
              opened.frame = frame;
              flush(opened);
            });
            const times = { openedAt: now, lastSentAt: now, checkedAt: now };
            opened = { ticket, controller, isAllowed, removeViewer, ...times };
            streams.add(opened);
            void lookRepeatedly();
            // A loop that is waiting looks a second later; the first picture is shown at once.
            void lookAt(ticket);
          },
          pull: () => flush(opened),
          cancel() {
            streams.delete(opened);
            opened.removeViewer();
          },
        },
        { highWaterMark: 1 },
      );
    },
  };
}

function toFrameEvent({ run, columns, rows, cursor, screen, at }: ReceivedFrame) {
  return { run, columns, rows, screen, at: new Date(at).toISOString(), ...(cursor ? { cursor } : {}) };
}

/** @param data without line ends, as JSON is */
function formatEvent(event: string, data: string): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}
