import type { Deps } from "../../shared/app/deps.ts";
import type { Revision } from "../../shared/store/port.ts";
import { readTicketNews, type TicketNews } from "../../shared/tickets/ticket-news.ts";
import { isRecent, MINUTE, type Ms } from "../../shared/time.ts";
import { readRevision } from "./revision.ts";

export interface EventStreamOptions {
  /** Limit of open streams. */
  maxStreams: number;
  /** Interval between checks of the store; without open streams there are none. */
  checkInterval: Ms;
  /** Interval after which an idle stream sends a heartbeat. */
  heartbeatInterval: Ms;
  /** Limit of a stream's age. Its page then opens another, so that streams of vanished readers do not remain open. */
  maxAge: Ms;
}

const DEFAULT_OPTIONS: EventStreamOptions = {
  maxStreams: 20,
  checkInterval: 400,
  heartbeatInterval: 15_000,
  maxAge: 5 * MINUTE,
};

/** Limit of unread chunks, besides those in the connection's buffers; the stream of a slower reader is aborted. */
const MAX_UNREAD_CHUNKS = 16;

interface EventStream {
  controller: ReadableStreamDefaultController<Uint8Array>;
  openedAt: Ms;
  lastSentAt: Ms;
}

/** The open event streams of one process. Each signals that there is something new to fetch, and which tickets changed. */
export interface EventStreams {
  /** Opens a stream; undefined when the limit is reached and the readers of all streams keep up. */
  open(): ReadableStream<Uint8Array> | undefined;
  readonly size: number;
}

const encoder = new TextEncoder();

export function createEventStreams(
  deps: Pick<Deps, "store" | "storeHealth" | "clock" | "wait" | "stopping">,
  { maxStreams, checkInterval, heartbeatInterval, maxAge }: EventStreamOptions = DEFAULT_OPTIONS,
): EventStreams {
  const streams = new Set<EventStream>();
  let watching = false;
  let revision: string | undefined;
  /** Revision of the last reported news of tickets; undefined until the first look, which reports none. */
  let newsRevision: Revision | undefined;

  function sendText(stream: EventStream, text: string) {
    if ((stream.controller.desiredSize ?? 0) <= 0) return abortStream(stream);
    stream.lastSentAt = deps.clock();
    stream.controller.enqueue(encoder.encode(text));
  }

  function abortStream(stream: EventStream) {
    streams.delete(stream);
    stream.controller.error(new Error("The reader is too slow."));
  }

  /** @param finalText sent before the stream ends */
  function closeStream(stream: EventStream, finalText?: string) {
    if (!streams.delete(stream)) return;
    if (finalText && (stream.controller.desiredSize ?? 0) > 0) stream.controller.enqueue(encoder.encode(finalText));
    stream.controller.close();
  }

  async function watchRevision() {
    if (watching) return;
    watching = true;
    newsRevision = undefined;
    while (streams.size > 0 && !deps.stopping.aborted) {
      // An unavailable store counts as no change; the page sees the error when it fetches.
      const current = await readRevision(deps).catch(() => revision);
      const changed = current !== revision;
      revision = current;
      // In one chunk, because a slow reader is recognized by its unread chunks.
      const text = (await readNews()).map(formatTicketNews).join("") + (changed ? formatChange(current) : "");
      const now = deps.clock();
      for (const stream of [...streams]) {
        if (!isRecent(stream.openedAt, maxAge, now)) closeStream(stream, "event: again\ndata: \n\n");
        else if (text !== "") sendText(stream, text);
        else if (!isRecent(stream.lastSentAt, heartbeatInterval, now)) sendText(stream, "event: beat\ndata: \n\n");
      }
      await deps.wait(checkInterval, deps.stopping);
    }
    for (const stream of [...streams]) closeStream(stream);
    watching = false;
  }

  /** Reads what has changed about tickets since the last look. */
  async function readNews(): Promise<TicketNews[]> {
    const found = await readTicketNews(deps.store, newsRevision ?? 0).catch(() => undefined);
    if (!found) return [];
    const isFirst = newsRevision === undefined;
    newsRevision = found.rev;
    return isFirst ? [] : found.news;
  }

  return {
    get size() {
      return streams.size;
    },
    open() {
      if (streams.size >= maxStreams) {
        const stalled = [...streams].find(({ controller }) => (controller.desiredSize ?? 0) <= 0);
        if (!stalled) return undefined;
        abortStream(stalled);
      }
      let opened: EventStream;
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            const now = deps.clock();
            opened = { controller, openedAt: now, lastSentAt: now };
            streams.add(opened);
            sendText(opened, `retry: 1000\n${formatChange(revision)}`);
            void watchRevision();
          },
          cancel() {
            streams.delete(opened);
          },
        },
        { highWaterMark: MAX_UNREAD_CHUNKS },
      );
    },
  };
}

function formatTicketNews({ event, data }: TicketNews): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

function formatChange(revision: string | undefined): string {
  return `event: change\ndata: ${revision ?? ""}\n\n`;
}
