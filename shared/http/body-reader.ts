import { GroundcrewError } from "../errors.ts";
import { BreakConnection, type HostBindings } from "./context.ts";
import { createSourceSlots } from "./source-slots.ts";

/** Limit of a small body in bytes: any number of these is read at once. Plane's bodies have 2 to 20 KB. */
const SMALL_BODY_BYTES = 256 * 1024;
/** Limit of larger bodies that are read at once for one source: 4, so that no source keeps others from sending theirs. */
const MAX_LARGE_BODIES_PER_SOURCE = 4;
/** Limit of larger bodies that are read at once: 16, which bounds the memory that unauthenticated senders can occupy. */
const MAX_LARGE_BODIES = 16;

interface BodyReaderOptions {
  /** Name of the setting that determines the limit, for the error message. */
  setting?: string;
  /** Error for a large body while too many are being read. Default: the connection is broken. */
  busy?: () => Error;
}

interface BodySender {
  /** Who sends the body: an agent's name, or the address for rate limits. */
  source?: string;
  host?: HostBindings;
  /** Returns the error for a large body of a sender who may only send small ones; it is thrown before more is read. */
  findLargeRefusal?: () => Error | undefined;
}

/**
 * Creates a reader of request bodies. It throws `too_large` at the limit (bytes), whether or not a length was announced,
 * and `BreakConnection` when too many large bodies of the source are being read or the sender disconnected. Large bodies
 * of other sources never prevent one: when too many are being read, the one that takes longest is given up.
 */
export function createBodyReader(limit: number, options: BodyReaderOptions = {}) {
  const createBusyError = options.busy ?? (() => new BreakConnection("Too many large bodies at once"));
  const createTooLargeError = () => {
    const settingHint = options.setting ? ` (${options.setting})` : "";
    return new GroundcrewError("too_large", `The body is larger than ${limit} bytes${settingHint}.`);
  };
  const slots = createSourceSlots({ perSource: MAX_LARGE_BODIES_PER_SOURCE, total: MAX_LARGE_BODIES });

  return (request: Request, sender: BodySender = {}): Promise<Uint8Array<ArrayBuffer>> => {
    const announcedLength = request.headers.get("content-length");
    if (Number(announcedLength ?? 0) > limit) return Promise.reject(createTooLargeError());
    // The host never reads more than the announced length, and reading the body at once costs far less than a stream.
    if (announcedLength !== null && Number(announcedLength) <= SMALL_BODY_BYTES)
      return sender.host?.readWholeBody?.() ?? readWholeBody(request);
    const refusal = announcedLength === null ? undefined : sender.findLargeRefusal?.();
    return refusal ? Promise.reject(refusal) : readStream(request, sender);
  };

  async function readStream(
    request: Request,
    { source = "", findLargeRefusal }: BodySender,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const reader = request.body?.getReader();
    if (!reader) return new Uint8Array();
    const chunks: Uint8Array[] = [];
    const displaced = Promise.withResolvers<never>();
    displaced.promise.catch(() => {});
    const readChunk = () =>
      reader.read().catch((cause: unknown) => {
        throw new BreakConnection("The sender disconnected", { cause });
      });
    let size = 0;
    let freeSlot: (() => void) | undefined;
    try {
      for (;;) {
        const { done, value } = await (freeSlot ? Promise.race([readChunk(), displaced.promise]) : readChunk());
        if (done) return concatChunks(chunks, size);
        size += value.length;
        if (size > limit) throw createTooLargeError();
        if (size > SMALL_BODY_BYTES && !freeSlot) {
          const refusal = findLargeRefusal?.();
          if (refusal) throw refusal;
          freeSlot = slots.take(source, () => displaced.reject(createBusyError()));
          if (!freeSlot) throw createBusyError();
        }
        chunks.push(value);
      }
    } finally {
      freeSlot?.();
      // The stream is not cancelled: that would break the connection before the error response is sent.
      reader.releaseLock();
    }
  }
}

async function readWholeBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw new BreakConnection("The sender disconnected", { cause });
  }
}

function concatChunks(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
