/**
 * Limits of what one client can use: the size and number of bodies that are read at once, and refusals per source
 * before it is refused unread.
 */

import type { Context } from "hono";
import type { z } from "zod";
import type { RefusalLimiter } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { toRateLimitSource } from "../ip-address.ts";
import type { Log } from "../log.ts";
import { isRecent, MINUTE, type Ms } from "../time.ts";
import { BreakConnection, type HostBindings, parseJsonBody } from "./request.ts";

interface BodyReaderOptions {
  /** Name of the setting that determines the limit, for the error message. */
  setting?: string;
  /** Error for a large body while too many are being read. Default: the connection is broken. */
  busy?: () => Error;
  /** Returns the error for a large body of a sender who may only send small ones; it is thrown before more is read. */
  findLargeRefusal?: (c: Context) => Error | undefined;
}

interface JsonReaderOptions {
  /** Whose body it is, for the limit of large ones; the client's address by default. */
  source?: string;
  /** What to send, such as `Send {"token": "…"}.`; by default the message names the field that is wrong. */
  example?: string;
  /** What the default message calls the body. */
  subject?: string;
}

interface SourceSlotsOptions {
  /** Limit of slots that one source holds at once. */
  perSource: number;
  /** Limit of all slots; a further one displaces the slot that has been held longest. Default: none. */
  total?: number;
}

interface RefusalLimiterOptions {
  /** Limit of refusals per minute and source that are answered with their own reason. */
  limit: number;
  /** Message of the error `rate_limited`. */
  message: string;
  clock: () => Ms;
  /**
   * Gets one line for each source and minute over the limit, in place of the requests' own lines, which a flood would
   * otherwise fill the disk with.
   */
  log?: Log;
}

interface SourceLimiterOptions {
  limit: number;
  window: Ms;
  /** Limit of remembered sources; a new source replaces the one whose window began first. */
  sources: number;
  clock: () => Ms;
}

/** Limit of a small body in bytes: any number of these is read at once. Plane's bodies have 2 to 20 KB. */
const SMALL_BODY_BYTES = 256 * 1024;

/** Limit of larger bodies that are read at once for one source: 4, so that no source keeps others from it. */
const MAX_LARGE_BODIES_PER_SOURCE = 4;

/** Limit of larger bodies that are read at once: 16, which bounds the memory of unauthenticated senders. */
const MAX_LARGE_BODIES = 16;

/** Limit of remembered sources: 10,000, about 1 MB. */
const MAX_SOURCES = 10_000;

/** Limit of requests with an unknown token: 20 per minute and source: typing errors of several people. */
const UNKNOWN_TOKEN_LIMIT = 20;

/**
 * Creates a reader of request bodies. It throws `too_large` at the limit (bytes), whether or not a length was
 * announced, and `BreakConnection` when too many large bodies of the source are being read or the sender disconnected.
 * Large bodies of other sources never prevent one: when too many are being read, the one that takes longest is given
 * up. The source is an agent's name, or by default the client's address.
 */
export function createBodyReader(limit: number, options: BodyReaderOptions = {}) {
  const createBusyError = options.busy ?? (() => new BreakConnection("Too many large bodies at once"));
  const createTooLargeError = () => {
    const settingHint = options.setting ? ` (${options.setting})` : "";
    return new GroundcrewError("too_large", `The body is larger than ${limit} bytes${settingHint}.`);
  };
  const slots = createSourceSlots({ perSource: MAX_LARGE_BODIES_PER_SOURCE, total: MAX_LARGE_BODIES });

  return (c: Context, source?: string): Promise<Uint8Array<ArrayBuffer>> => {
    const announcedLength = c.req.header("content-length");
    if (Number(announcedLength ?? 0) > limit) return Promise.reject(createTooLargeError());
    // The host never reads more than the announced length, and reading the body at once costs far less than a stream.
    if (announcedLength !== undefined && Number(announcedLength) <= SMALL_BODY_BYTES)
      return (c.env as HostBindings | undefined)?.readWholeBody?.() ?? readWholeBody(c.req.raw);
    const refusal = announcedLength === undefined ? undefined : options.findLargeRefusal?.(c);
    return refusal ? Promise.reject(refusal) : readStream(c, source ?? toRateLimitSource(c.get("client")));
  };

  async function readStream(c: Context, source: string): Promise<Uint8Array<ArrayBuffer>> {
    const reader = c.req.raw.body?.getReader();
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
          const refusal = options.findLargeRefusal?.(c);
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

/**
 * Creates a reader of JSON bodies; an empty one counts as `{}`. Throws `unsupported_type` without JSON's Content-Type,
 * and `bad_request` for what the schema refuses.
 * @param limit of a body in bytes; 256 KB by default, enough for a long description
 */
export function createJsonReader(limit = SMALL_BODY_BYTES) {
  const readBody = createBodyReader(limit);
  return async <T>(c: Context, schema: z.ZodType<T>, options: JsonReaderOptions = {}): Promise<T> => {
    const { source, example, subject = "body" } = options;
    const parsed = schema.safeParse(parseJsonBody(await readBody(c, source), c.req.header("content-type")));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue?.path.map(String).join(".");
    const problem = `The ${subject} is not valid${where ? ` at ${where}` : ""}: ${issue?.message}.`;
    throw new GroundcrewError("bad_request", example ?? problem);
  };
}

/** Creates a limiter of refused requests; its error is answered with `Retry-After`. */
export function createRefusalLimiter({ limit, message, clock, log }: RefusalLimiterOptions): RefusalLimiter {
  const limiter = createSourceLimiter({ limit, window: MINUTE, sources: MAX_SOURCES, clock });
  const getSource = (c: Context) => toRateLimitSource(c.get("client"));
  function createLimitError(c: Context): GroundcrewError {
    c.header("Retry-After", String(MINUTE / 1000));
    return new GroundcrewError("rate_limited", message);
  }

  function reportSource(c: Context, isFirst: boolean) {
    if (!log) return;
    c.set("isUnlogged", true);
    if (isFirst) log.warn("too many refused requests", { source: c.get("client"), limit, reason: message });
  }

  return {
    countRefusal(c, refusal) {
      const source = getSource(c);
      const wasOver = limiter.isOver(source);
      if (!limiter.count(source)) return refusal;
      reportSource(c, !wasOver);
      return createLimitError(c);
    },
    findLimit: (c) => (limiter.isExhausted(getSource(c)) ? createLimitError(c) : undefined),
  };
}

/** Creates slots for costly work that many sources request, so that none of them keeps the others from it. */
export function createSourceSlots({ perSource, total = Number.POSITIVE_INFINITY }: SourceSlotsOptions) {
  type Slot = { source: string; onDisplaced: (() => void) | undefined };
  /** In the order in which they were taken. */
  const slots = new Set<Slot>();
  const counts = new Map<string, number>();

  function free(slot: Slot) {
    if (!slots.delete(slot)) return;
    const left = (counts.get(slot.source) ?? 0) - 1;
    if (left > 0) counts.set(slot.source, left);
    else counts.delete(slot.source);
  }

  return {
    /**
     * Takes a slot and returns the function that frees it; undefined when the source holds all of its slots.
     * @param onDisplaced called when another source takes the slot
     */
    take(source: string, onDisplaced?: () => void): (() => void) | undefined {
      if ((counts.get(source) ?? 0) >= perSource) return undefined;
      const [oldest] = slots;
      if (slots.size >= total && oldest) {
        free(oldest);
        oldest.onDisplaced?.();
      }
      const slot: Slot = { source, onDisplaced };
      slots.add(slot);
      counts.set(source, (counts.get(source) ?? 0) + 1);
      return () => free(slot);
    },
  };
}

/** Creates the limiter of requests with an unknown token, which all routes and signing in to the page share. */
export function createTokenLimiter({ clock, log }: { clock: () => Ms; log: Log }): RefusalLimiter {
  return createRefusalLimiter({
    limit: UNKNOWN_TOKEN_LIMIT,
    message: "Too many requests with an unknown token. Send a valid one, or try again in a minute.",
    clock,
    log,
  });
}

/** Creates a rate limiter with one window per source, which begins with its first request. Its memory is bounded. */
export function createSourceLimiter({ limit, window, sources, clock }: SourceLimiterOptions) {
  const counts = new Map<string, { since: Ms; count: number }>();
  function findCurrent(source: string) {
    const entry = counts.get(source);
    return entry && isRecent(entry.since, window, clock()) ? entry : undefined;
  }

  return {
    /** Counts a request of a source and returns whether the source is over its limit. */
    count(source: string): boolean {
      const entry = findCurrent(source);
      if (entry) {
        entry.count = Math.min(entry.count + 1, limit + 1);
        return entry.count > limit;
      }
      counts.delete(source);
      const [oldest] = counts.keys();
      if (counts.size >= sources && oldest !== undefined) counts.delete(oldest);
      counts.set(source, { since: clock(), count: 1 });
      return limit < 1;
    },
    /** Whether the next request of a source would be over its limit; counts nothing. */
    isExhausted: (source: string) => (findCurrent(source)?.count ?? 0) >= limit,
    /** Whether a request of a source was over its limit in the present window; counts nothing. */
    isOver: (source: string) => (findCurrent(source)?.count ?? 0) > limit,
  };
}
