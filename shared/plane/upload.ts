import { MINUTE, type Ms } from "../time.ts";
import type { UploadTicket } from "./attachments.ts";
import { PlaneInvalidError, PlaneUnavailableError } from "./errors.ts";
import { createMultipart } from "./multipart.ts";
import { createRequestSender, type PlaneRequestOptions } from "./request.ts";

const OPERATION = "attachments_upload";

/** Timeout for an upload without a byte in either direction: 30 s, Plane's own limit for a request. */
const STALL_MS: Ms = 30_000;
/** Timeout for the whole upload: 10 min, enough for 50 MB at 90 KB/s and shorter than a claim. */
const TOTAL_MS: Ms = 10 * MINUTE;

/** A Blob, or a stream of known size. */
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
 * Uploads a file to the storage with the ticket of `attachmentsApi.create`; confirm it afterwards. Streams the bytes at
 * the pace of the slower side. Does not send the API key, because the storage is another server.
 * Throws PlaneInvalidError when the storage refuses the file (expired ticket, too large), PlaneUnavailableError when it
 * does not answer or the transfer stalls, and the error of reading the file.
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
      body: createFormStream(form.before, pieces.next, form.after),
      signal,
    });
    if (status < 200 || status >= 300) throw createStorageError(status, replyBody);
  } catch (thrown) {
    if (pieces.failed) throw pieces.failed.why;
    if (signal.aborted && pieces.isWaiting) throw createStalledError(stall);
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

interface PieceReader {
  /** The next piece of the file, undefined after the last. */
  next: () => Promise<Uint8Array | undefined>;
  /** Whether the next piece of the file is pending. */
  isWaiting: boolean;
  /** The error of reading the file, which explains more than the storage's error that follows. */
  failed?: { why: unknown };
}

/** Reads the file piece by piece and checks that it has the declared size. */
function createPieceReader(file: UploadSource, restartTimer: () => void): PieceReader {
  const reader = file.stream().getReader();
  let sent = 0;
  const pieces: PieceReader = { next, isWaiting: false };

  async function next() {
    restartTimer();
    pieces.isWaiting = true;
    try {
      const { done, value } = await reader.read();
      sent += value?.length ?? 0;
      if (sent > file.size || (done && sent < file.size)) throw createSizeError(file.size, sent, done);
      return value;
    } catch (thrown) {
      pieces.failed = { why: thrown };
      throw thrown;
    } finally {
      pieces.isWaiting = false;
      restartTimer();
    }
  }

  return pieces;
}

/** Streams the form piece by piece; reads each piece only after the previous one was sent. */
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
  const received = done ? `only ${sent} arrived` : "more arrived";
  return new PlaneInvalidError({ operation: OPERATION, fields: {} }, `The file has ${size} bytes, but ${received}.`);
}

function createStalledError(stall: Ms): PlaneUnavailableError {
  const message = `The file's transfer stalled: no data for ${stall / 1000} s. Send the file again.`;
  return new PlaneUnavailableError({ operation: OPERATION }, message);
}

function createStorageError(status: number, replyBody: string): PlaneInvalidError | PlaneUnavailableError {
  const context = { operation: OPERATION, status };
  const code = /<Code>(\w{1,60})<\/Code>/.exec(replyBody)?.[1] ?? "no reason given";
  return status >= 500
    ? new PlaneUnavailableError(context, `The storage could not store the file (${status}: ${code}).`)
    : new PlaneInvalidError({ ...context, fields: {} }, `The storage refused the file (${status}: ${code}).`);
}
