import { MINUTE, type Ms } from "../time.ts";
import type { UploadTicket } from "./attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "./errors.ts";
import { createMultipart } from "./multipart.ts";
import { createRequestSender, type PlaneRequestOptions } from "./request.ts";

const OPERATION = "attachments_upload";

/** After so long without a byte in either direction an upload is given up: Plane's own limit for a request. */
const STALL_MS: Ms = 30_000;
/** The whole upload may take so long: 50 MB at 90 KB/s, and less than a claim lasts. */
const TOTAL_MS: Ms = 10 * MINUTE;

/** A Blob, or what comes in pieces and whose size is known. */
export interface UploadSource {
  /** Bytes. */
  size: number;
  stream(): ReadableStream<Uint8Array>;
}

interface UploadOptions extends PlaneRequestOptions {
  stall?: Ms;
  total?: Ms;
}

/**
 * Sends a file's bytes to the storage, as the ticket of `attachments.create` allows; confirm it afterwards. They pass
 * through as they come, at the slower side's pace. Without the API key: the storage is another server.
 * Throws PlaneInvalidError when the storage refuses the file (an outdated ticket, too large), PlaneUnavailableError
 * when it did not answer or nothing moved any more, and what reading the file threw.
 */
export async function uploadFile(
  options: UploadOptions,
  ticket: Pick<UploadTicket, "upload_data">,
  file: UploadSource,
): Promise<void> {
  const { stall = STALL_MS, total = TOTAL_MS } = options;
  const form = createMultipart(ticket.upload_data.fields, file.size, `groundcrew-${crypto.randomUUID()}`);
  const stallAbort = new AbortController();
  const signal = AbortSignal.any([stallAbort.signal, AbortSignal.timeout(total)]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const restartTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stallAbort.abort(), stall);
  };
  const pieces = createPieceReader(file, restartTimer);
  restartTimer();
  try {
    const { status, body: replyBody } = await createRequestSender(options)({
      operation: OPERATION,
      method: "POST",
      route: "storage",
      url: ticket.upload_data.url,
      headers: { "content-type": form.contentType, "content-length": String(form.length) },
      body: withFixedLength(form.length, createFormStream(form.before, pieces.next, form.after)),
      signal,
    });
    if (status < 200 || status >= 300) throw createStorageError(status, replyBody);
  } catch (thrown) {
    if (pieces.failed) throw pieces.failed.why;
    if (signal.aborted && pieces.waiting) throw createStalledError(stall);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

interface PieceReader {
  /** The next piece of the file, undefined after the last. */
  next: () => Promise<Uint8Array | undefined>;
  /** Whether a piece is being waited for. */
  waiting: boolean;
  /** What reading threw: the storage's side of it says less. */
  failed?: { why: unknown };
}

/** Reads the file's pieces and holds it to its size. */
function createPieceReader(file: UploadSource, restartTimer: () => void): PieceReader {
  const reader = file.stream().getReader();
  let sent = 0;
  const pieces: PieceReader = { next, waiting: false };

  async function next() {
    restartTimer();
    pieces.waiting = true;
    try {
      const { done, value } = await reader.read();
      sent += value?.length ?? 0;
      if (sent > file.size || (done && sent < file.size)) throw createSizeError(file.size, sent, done);
      return value;
    } catch (thrown) {
      pieces.failed = { why: thrown };
      throw thrown;
    } finally {
      pieces.waiting = false;
      restartTimer();
    }
  }

  return pieces;
}

/** The form's pieces one after another, each read only when the one before it was taken. */
function createFormStream(
  before: Uint8Array,
  next: PieceReader["next"],
  after: Uint8Array,
): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(before),
    async pull(controller) {
      const piece = await next();
      controller.enqueue(piece ?? after);
      if (!piece) controller.close();
    },
  });
}

function createSizeError(size: number, sent: number, done: boolean): PlaneInvalidError {
  const received = done ? `only ${sent} came` : "more came";
  return new PlaneInvalidError({ operation: OPERATION, fields: {} }, `The file has ${size} bytes, but ${received}.`);
}

function createStalledError(stall: Ms): PlaneUnavailableError {
  const message = `The file stopped coming: nothing for ${stall / 1000} s. Send it again.`;
  return new PlaneUnavailableError({ operation: OPERATION }, message);
}

/** A stream that is sent with its length, which S3 asks for. Node goes by the header; Workers have a stream for it. */
function withFixedLength(length: number, body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const host = globalThis as typeof globalThis & {
    FixedLengthStream?: new (length: number) => TransformStream<Uint8Array, Uint8Array>;
  };
  return host.FixedLengthStream ? body.pipeThrough(new host.FixedLengthStream(length)) : body;
}

function createStorageError(status: number, replyBody: string): PlaneInvalidError | PlaneUnavailableError {
  const context = { operation: OPERATION, status };
  const code = /<Code>(\w{1,60})<\/Code>/.exec(replyBody)?.[1] ?? "no reason given";
  return status >= 500
    ? new PlaneUnavailableError(context, `The storage could not take the file (${status}: ${code}).`)
    : new PlaneInvalidError({ ...context, fields: {} }, `The storage refused the file (${status}: ${code}).`);
}
