/**
 * Streams of server-sent events: one loop looks for news while any of them is open, and each has a heartbeat, a limit
 * of its age, and a limit of what its reader has not read. docs/decisions/0058-hono-middleware.md says why this is not
 * `streamSSE`.
 */

import type { Context } from "hono";
import type { Deps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { isRecent, MINUTE, type Ms, SECOND } from "../time.ts";

/** An open stream, and what its owner knows about its reader. */
export interface EventStream<Reader> {
  readonly reader: Reader;
  /** Whether the reader is behind: as many chunks are unread as may be. */
  isFull(): boolean;
  /** Sends events in one chunk; aborts the stream when the reader is behind. */
  send(events: string): void;
}

/** The open streams of one process. */
export interface EventStreams<Reader> {
  /** Opens a stream; undefined when the limit is reached and the readers of all streams keep up. */
  open(reader: Reader): ReadableStream<Uint8Array> | undefined;
  readonly size: number;
}

export interface EventStreamOptions {
  /** Limit of open streams. */
  maxStreams: number;
  /** Interval between looks for news; without open streams there are none. */
  checkInterval: Ms;
  /** Interval after which an idle stream sends a heartbeat. Default: 15 s. */
  heartbeatInterval?: Ms;
  /** Limit of a stream's age, 5 min by default. Its reader then opens another, so that streams of vanished ones end. */
  maxAge?: Ms;
}

interface EventSource<Reader> extends EventStreamOptions {
  /** Limit of unread chunks of a stream, besides those in the connection's buffers. */
  maxUnread: number;
  /** Called when a stream was opened; returns what is called once it has ended. */
  onOpen(stream: EventStream<Reader>): (() => void) | undefined;
  /** Called whenever a reader has taken a chunk. */
  onRead?(stream: EventStream<Reader>): void;
  /** Looks for news and sends them. `isFirst`: nobody has looked since the last time that no stream was open. */
  look(streams: Iterable<EventStream<Reader>>, isFirst: boolean): Promise<void>;
  /** Whether the reader may still read; asked after each look. */
  mayRead?(stream: EventStream<Reader>): Promise<boolean>;
}

interface OpenStream<Reader> extends EventStream<Reader> {
  controller: ReadableStreamDefaultController<Uint8Array>;
  openedAt: Ms;
  lastSentAt: Ms;
  onEnd: (() => void) | undefined;
}

/** X-Accel-Buffering keeps proxies from buffering the events. */
const STREAM_HEADERS = { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" };

const encoder = new TextEncoder();

export function createEventSource<Reader>(
  deps: Pick<Deps, "clock" | "wait" | "stopping">,
  source: EventSource<Reader>,
): EventStreams<Reader> {
  const { maxStreams, checkInterval, heartbeatInterval = 15 * SECOND, maxAge = 5 * MINUTE } = source;
  const streams = new Set<OpenStream<Reader>>();
  let isLooking = false;

  async function lookRepeatedly() {
    if (isLooking) return;
    isLooking = true;
    for (let isFirst = true; streams.size > 0 && !deps.stopping.aborted; isFirst = false) {
      await source.look([...streams], isFirst);
      for (const stream of [...streams]) await maintain(stream);
      await deps.wait(checkInterval, deps.stopping);
    }
    for (const stream of [...streams]) close(stream);
    isLooking = false;
  }

  async function maintain(stream: OpenStream<Reader>) {
    const now = deps.clock();
    const mayStay = isRecent(stream.openedAt, maxAge, now) && ((await source.mayRead?.(stream)) ?? true);
    if (!mayStay) close(stream, formatEvent("again"));
    else if (!isRecent(stream.lastSentAt, heartbeatInterval, now) && !stream.isFull()) stream.send(formatEvent("beat"));
  }

  /** @param finalEvent sent before the stream ends, if its reader keeps up */
  function close(stream: OpenStream<Reader>, finalEvent?: string) {
    if (!remove(stream)) return;
    if (finalEvent && !stream.isFull()) stream.controller.enqueue(encoder.encode(finalEvent));
    stream.controller.close();
  }

  function abort(stream: OpenStream<Reader>) {
    if (remove(stream)) stream.controller.error(new Error("The reader is too slow."));
  }

  function remove(stream: OpenStream<Reader>): boolean {
    if (!streams.delete(stream)) return false;
    stream.onEnd?.();
    return true;
  }

  function createStream(reader: Reader, controller: OpenStream<Reader>["controller"]): OpenStream<Reader> {
    const now = deps.clock();
    const stream: OpenStream<Reader> = {
      reader,
      controller,
      openedAt: now,
      lastSentAt: now,
      onEnd: undefined,
      isFull: () => (controller.desiredSize ?? 0) <= 0,
      send(events) {
        if (stream.isFull()) return abort(stream);
        stream.lastSentAt = deps.clock();
        controller.enqueue(encoder.encode(events));
      },
    };
    return stream;
  }

  return {
    get size() {
      return streams.size;
    },
    open(reader) {
      if (streams.size >= maxStreams) {
        const stalled = [...streams].find((stream) => stream.isFull());
        if (!stalled) return undefined;
        abort(stalled);
      }
      let stream: OpenStream<Reader>;
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            stream = createStream(reader, controller);
            streams.add(stream);
            stream.onEnd = source.onOpen(stream);
            void lookRepeatedly();
          },
          pull: () => source.onRead?.(stream),
          cancel: () => void remove(stream),
        },
        { highWaterMark: source.maxUnread },
      );
    },
  };
}

/** @param data without line ends, as JSON is */
export function formatEvent(event: string, data = ""): string {
  return `event: ${event}\ndata: ${data}\n\n`;
}

/**
 * Answers with a stream, or throws `unavailable` when there are too many.
 * @param formatLimit says so, with the number of open streams
 */
export function answerEventStream<Reader>(
  c: Context,
  streams: EventStreams<Reader>,
  reader: Reader,
  formatLimit: (size: number) => string,
): Response {
  // Hono answers HEAD as GET without its body, so the stream would never be read and its place never released.
  if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS);
  const body = streams.open(reader);
  if (body) return c.body(body, 200, STREAM_HEADERS);
  c.header("Retry-After", "10");
  throw new GroundcrewError("unavailable", formatLimit(streams.size));
}
