import { GroundcrewError } from "../errors.ts";
import { BreakConnection, type HostBindings } from "./context.ts";

/** Bodies up to here are read side by side without a bound; Plane's are of 2 to 20 KB. */
const SMALL_BODY_BYTES = 256 * 1024;
/** So many larger ones are read at once, which bounds what strangers can make us hold in memory. */
const MAX_LARGE_BODIES = 4;

interface BodyReaderOptions {
  /** The setting that says the limit. */
  setting?: string;
  /** What is thrown for a large body while too many are being read; default: its connection is broken. */
  busy?: () => Error;
}

/**
 * Reads bodies and stops at the limit (bytes), whether or not a length was announced: `too_large`.
 * Breaks the connection of a large body when too many are being read, and of a sender that went away.
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
    // The host reads no more than was announced, and in one piece it costs far less than as a stream.
    if (announcedLength !== null && Number(announcedLength) <= SMALL_BODY_BYTES)
      return host?.whole?.() ?? readWholeBody(request);
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
          throw new BreakConnection("The sender went away", { cause });
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
      // Cancelling instead would break the connection before the refusal is sent.
      reader.releaseLock();
    }
  }
}

async function readWholeBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw new BreakConnection("The sender went away", { cause });
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
