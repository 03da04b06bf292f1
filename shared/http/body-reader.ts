import { GroundcrewError } from "../errors.ts";
import { BreakConnection, type HostBindings } from "./context.ts";

/** Limit of a small body in bytes: any number of these is read at once. Plane's bodies have 2 to 20 KB. */
const SMALL_BODY_BYTES = 256 * 1024;
/** Limit of larger bodies that are read at once: bounds the memory that unauthenticated senders can occupy. */
const MAX_LARGE_BODIES = 4;

interface BodyReaderOptions {
  /** Name of the setting that determines the limit, for the error message. */
  setting?: string;
  /** Error for a large body while too many are being read. Default: the connection is broken. */
  busy?: () => Error;
}

/**
 * Creates a reader of request bodies. It throws `too_large` at the limit (bytes), whether or not a length was announced,
 * and `BreakConnection` when too many large bodies are being read or the sender disconnected.
 */
export function createBodyReader(limit: number, options: BodyReaderOptions = {}) {
  const createBusyError = options.busy ?? (() => new BreakConnection("Too many large bodies at once"));
  const createTooLargeError = () => {
    const settingHint = options.setting ? ` (${options.setting})` : "";
    return new GroundcrewError("too_large", `The body is larger than ${limit} bytes${settingHint}.`);
  };
  let largeBodies = 0;

  return (request: Request, host?: HostBindings): Promise<Uint8Array<ArrayBuffer>> => {
    const announcedLength = request.headers.get("content-length");
    if (Number(announcedLength ?? 0) > limit) return Promise.reject(createTooLargeError());
    // The host never reads more than the announced length, and reading the body at once costs far less than a stream.
    if (announcedLength !== null && Number(announcedLength) <= SMALL_BODY_BYTES)
      return host?.readWholeBody?.() ?? readWholeBody(request);
    return readStream(request);
  };

  async function readStream(request: Request): Promise<Uint8Array<ArrayBuffer>> {
    const reader = request.body?.getReader();
    if (!reader) return new Uint8Array();
    const chunks: Uint8Array[] = [];
    let size = 0;
    let isCounted = false;
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((cause: unknown) => {
          throw new BreakConnection("The sender disconnected", { cause });
        });
        if (done) return concatChunks(chunks, size);
        size += value.length;
        if (size > limit) throw createTooLargeError();
        if (size > SMALL_BODY_BYTES && !isCounted) {
          if (largeBodies >= MAX_LARGE_BODIES) throw createBusyError();
          isCounted = true;
          largeBodies += 1;
        }
        chunks.push(value);
      }
    } finally {
      if (isCounted) largeBodies -= 1;
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
