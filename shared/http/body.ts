import { GroundcrewError } from "../errors.ts";
import { BreakConnection, type HostBindings } from "./context.ts";

/** Bodies up to here are read side by side without a bound; Plane's are of 2 to 20 KB. */
const SMALL = 256 * 1024;
/** So many larger ones are read at once, which bounds what strangers can make us hold in memory. */
const LARGE_AT_ONCE = 4;

interface BodyOptions {
  /** The setting that says the limit. */
  setting?: string;
  /** What is thrown for a large body while too many are being read; default: its connection is broken. */
  busy?: () => Error;
}

/**
 * Reads bodies and stops at the limit (bytes), whether or not a length was announced: `too_large`.
 * Breaks the connection of a large body when too many are being read, and of a sender that went away.
 */
export function createBodyReader(limit: number, options: BodyOptions = {}) {
  const busy = options.busy ?? (() => new BreakConnection("Too many large bodies at once"));
  const tooLarge = () => {
    const said = options.setting ? ` (${options.setting})` : "";
    return new GroundcrewError("too_large", `The body is larger than ${limit} bytes${said}.`);
  };
  let large = 0;

  return (request: Request, host?: HostBindings): Promise<Uint8Array<ArrayBuffer>> => {
    const announced = request.headers.get("content-length");
    if (Number(announced ?? 0) > limit) return Promise.reject(tooLarge());
    // The host reads no more than was announced, and in one piece it costs far less than as a stream.
    if (announced !== null && Number(announced) <= SMALL) return host?.whole?.() ?? whole(request);
    return streamed(request);
  };

  async function streamed(request: Request): Promise<Uint8Array<ArrayBuffer>> {
    const reader = request.body?.getReader();
    if (!reader) return new Uint8Array();
    const chunks: Uint8Array[] = [];
    let size = 0;
    let counted = false;
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((cause: unknown) => {
          throw new BreakConnection("The sender went away", { cause });
        });
        if (done) return joined(chunks, size);
        size += value.length;
        if (size > limit) throw tooLarge();
        if (size > SMALL && !counted) {
          if (large >= LARGE_AT_ONCE) throw busy();
          counted = true;
          large += 1;
        }
        chunks.push(value);
      }
    } finally {
      if (counted) large -= 1;
      // Cancelling instead would break the connection before the refusal is sent.
      reader.releaseLock();
    }
  }
}

async function whole(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw new BreakConnection("The sender went away", { cause });
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
