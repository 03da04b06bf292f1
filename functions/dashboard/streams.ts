import type { Deps } from "../../shared/deps.ts";
import type { Ms } from "../../shared/store/port.ts";
import { revisionOf } from "./revision.ts";

export interface StreamOptions {
  /** At most so many streams at once. */
  most: number;
  /** Between two looks at the store; none while nobody listens. */
  look: Ms;
  /** A stream that had nothing to say for so long says that it is there. */
  beat: Ms;
  /** A stream ends after so long and its page opens another: a reader that went away in silence is not kept for good. */
  life: Ms;
}

const OPTIONS: StreamOptions = { most: 20, look: 400, beat: 15_000, life: 300_000 };

/** A reader that leaves so many pieces unread (beside what its connection holds) is cut off. */
const UNREAD = 16;

interface Stream {
  controller: ReadableStreamDefaultController<Uint8Array>;
  began: Ms;
  said: Ms;
}

/** The open event streams of one process: each is told when there is something new to fetch, and nothing else. */
export interface Streams {
  /** Undefined when as many are open as may be, and all of them are read. */
  open(): ReadableStream<Uint8Array> | undefined;
  readonly size: number;
}

const encoder = new TextEncoder();

export function createStreams(
  deps: Pick<Deps, "store" | "clock" | "wait" | "stopping">,
  { most, look, beat, life }: StreamOptions = OPTIONS,
): Streams {
  const streams = new Set<Stream>();
  let watching = false;
  let revision: string | undefined;

  function say(stream: Stream, text: string) {
    if ((stream.controller.desiredSize ?? 0) <= 0) return cutOff(stream);
    stream.said = deps.clock();
    stream.controller.enqueue(encoder.encode(text));
  }

  function cutOff(stream: Stream) {
    streams.delete(stream);
    stream.controller.error(new Error("The reader is too slow."));
  }

  /** @param last what is still said */
  function end(stream: Stream, last?: string) {
    if (!streams.delete(stream)) return;
    if (last && (stream.controller.desiredSize ?? 0) > 0) stream.controller.enqueue(encoder.encode(last));
    stream.controller.close();
  }

  async function watch() {
    if (watching) return;
    watching = true;
    while (streams.size > 0 && !deps.stopping.aborted) {
      // A store that does not answer is told by what the page fetches.
      const seen = await revisionOf(deps.store).catch(() => revision);
      const changed = seen !== revision;
      revision = seen;
      const now = deps.clock();
      for (const stream of [...streams]) {
        if (now - stream.began >= life) end(stream, "event: again\ndata: \n\n");
        else if (changed) say(stream, changeOf(seen));
        else if (now - stream.said >= beat) say(stream, "event: beat\ndata: \n\n");
      }
      await deps.wait(look, deps.stopping);
    }
    for (const stream of [...streams]) end(stream);
    watching = false;
  }

  return {
    get size() {
      return streams.size;
    },
    open() {
      if (streams.size >= most) {
        const stuck = [...streams].find(({ controller }) => (controller.desiredSize ?? 0) <= 0);
        if (!stuck) return undefined;
        cutOff(stuck);
      }
      let mine: Stream;
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            const now = deps.clock();
            mine = { controller, began: now, said: now };
            streams.add(mine);
            say(mine, `retry: 1000\n${changeOf(revision)}`);
            void watch();
          },
          cancel() {
            streams.delete(mine);
          },
        },
        { highWaterMark: UNREAD },
      );
    },
  };
}

function changeOf(revision: string | undefined): string {
  return `event: change\ndata: ${revision ?? ""}\n\n`;
}
