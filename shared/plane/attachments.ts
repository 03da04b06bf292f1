/**
 * The files of work items: Plane issues a ticket, its storage takes the bytes as a form, and a last request confirms
 * that they arrived. Downloads are limited in time and size. Bytes pass through and are never held whole.
 */

import { z } from "zod";
import { MINUTE, type Ms } from "../time.ts";
import {
  get,
  noContentSchema,
  patch,
  planeIdSchema,
  planeTimeSchema,
  post,
  redirectSchema,
  remove,
} from "./endpoint.ts";
import { PlaneInvalidError, PlaneUnavailableError, PlaneUnexpectedError } from "./errors.ts";
import { createRequestSender, type PlaneRequestOptions } from "./request.ts";

/** A Blob, or a stream of known size. */
export interface UploadSource {
  /** Bytes. */
  size: number;
  stream(): ReadableStream<Uint8Array>;
}

const attachmentSchema = z.object({
  id: planeIdSchema,
  /** As declared at creation; Plane lowers the size to the server's limit. Older versions of Plane store no type. */
  attributes: z.object({ name: z.string(), type: z.string().default(""), size: z.number() }),
  is_uploaded: z.boolean(),
  created_by: planeIdSchema.nullable(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

export type PlaneAttachment = z.infer<typeof attachmentSchema>;

const uploadTicketSchema = z.object({
  upload_data: z.object({ url: z.url({ protocol: /^https?$/ }), fields: z.record(z.string(), z.string()) }),
  asset_id: planeIdSchema,
  attachment: attachmentSchema,
});

/** The permission to upload one file to the storage: `uploadFile` takes it. */
export type UploadTicket = z.infer<typeof uploadTicketSchema>;

const attachmentsPath = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/attachments/";

const attachmentPath = `${attachmentsPath}:attachment/`;

/**
 * Create with `{ name, type, size }`, upload the bytes, then confirm with `{ is_uploaded: true }`. A create with the
 * `external_source` and `external_id` of an existing attachment of the item answers 409 with its id, uploaded or not
 * (according to the source of v1.2.2 and v1.3.1). Lists do not contain unconfirmed attachments, and Plane's own worker
 * removes them after 7 days (`UNUPLOADED_ASSET_DELETE_DAYS`).
 */
export const attachmentsApi = {
  list: get("attachments_list", attachmentsPath, z.array(attachmentSchema)),
  create: post("attachments_create", attachmentsPath, uploadTicketSchema),
  confirm: patch("attachments_confirm", attachmentPath, noContentSchema),
  remove: remove("attachments_remove", attachmentPath, noContentSchema),
  /** Answers the address in the storage. It is valid for an hour and a secret for that time. */
  get: get("attachments_get", attachmentPath, redirectSchema),
};

const UPLOAD_OPERATION = "attachments_upload";

/** Timeout for an upload without a byte in either direction: 30 s, Plane's own limit for a request. */
const STALL_MS: Ms = 30_000;

/** Timeout for the whole upload: 10 min, enough for 50 MB at 90 KB/s and shorter than a claim. */
const UPLOAD_TOTAL_MS: Ms = 10 * MINUTE;

const encoder = new TextEncoder();

const DOWNLOAD_OPERATION = "attachments_download";

/** Timeout for the storage's first answer: 30 s, as for any request. */
const ANSWER_MS: Ms = 30_000;

/** Timeout for the whole transfer: 10 min, as for an upload. */
const DOWNLOAD_TOTAL_MS: Ms = 10 * MINUTE;

/**
 * Uploads a file to the storage with the ticket of `attachmentsApi.create`; confirm it afterwards. Streams the bytes at
 * the pace of the slower side. Does not send the API key, because the storage is another server.
 * Throws PlaneInvalidError when the storage refuses the file (expired ticket, too large), PlaneUnavailableError when it
 * does not answer or the transfer stalls, and the error of reading the file.
 */
export async function uploadFile(
  options: PlaneRequestOptions & { stall?: Ms; total?: Ms },
  ticket: Pick<UploadTicket, "upload_data">,
  file: UploadSource,
): Promise<void> {
  const { stall = STALL_MS, total = UPLOAD_TOTAL_MS } = options;
  const form = createMultipart(ticket.upload_data.fields, file.size, `groundcrew-${crypto.randomUUID()}`);
  const stallAbort = new AbortController();
  const signal = AbortSignal.any([stallAbort.signal, AbortSignal.timeout(total)]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const restartTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stallAbort.abort(), stall);
  };
  const { body, reading } = createFormStream(form, file, restartTimer);
  restartTimer();
  try {
    const { status, body: replyBody } = await createRequestSender(options)({
      operation: UPLOAD_OPERATION,
      method: "POST",
      route: "storage",
      url: ticket.upload_data.url,
      headers: { "content-type": form.contentType, "content-length": String(form.length) },
      body,
      signal,
    });
    if (status >= 200 && status < 300) return;
    const context = { operation: UPLOAD_OPERATION, status };
    const code = /<Code>(\w{1,60})<\/Code>/.exec(replyBody)?.[1] ?? "no reason given";
    if (status >= 500)
      throw new PlaneUnavailableError(context, `The storage could not store the file (${status}: ${code}).`);
    throw new PlaneInvalidError({ ...context, fields: {} }, `The storage refused the file (${status}: ${code}).`);
  } catch (thrown) {
    if (reading.failed) throw reading.failed.why;
    if (!signal.aborted || !reading.isWaiting) throw thrown;
    const message = `The file's transfer stalled: no data for ${stall / 1000} s. Send the file again.`;
    throw new PlaneUnavailableError({ operation: UPLOAD_OPERATION }, message);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Creates a form with one file of `size` bytes at its end, as multipart/form-data (RFC 7578), whose length is known
 * before the file is read. `boundary` must not occur in the file, so it needs 128 random bits.
 */
function createMultipart(fields: Record<string, string>, size: number, boundary: string) {
  // S3 ignores every field after the file, and reads its type from the field `Content-Type`.
  const parts = Object.entries(fields).map(
    ([name, value]) => `${formatPartHead(boundary, `name="${escapeFieldName(name)}"`)}${value}\r\n`,
  );
  const before = encoder.encode(`${parts.join("")}${formatPartHead(boundary, 'name="file"; filename="file"')}`);
  const after = encoder.encode(`\r\n--${boundary}--\r\n`);
  const contentType = `multipart/form-data; boundary=${boundary}`;
  return { contentType, length: before.length + size + after.length, before, after };
}

function formatPartHead(boundary: string, disposition: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;
}

function escapeFieldName(name: string): string {
  return name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}

/**
 * Streams the form; reads each piece of the file only after the previous one was sent, and checks that it has the
 * declared size. `reading`: whether the next piece is pending, and the error of reading the file, which explains more
 * than the storage's error that follows.
 */
function createFormStream(
  { before, after }: { before: Uint8Array; after: Uint8Array },
  file: UploadSource,
  restartTimer: () => void,
) {
  const reader = file.stream().getReader();
  const reading: { isWaiting: boolean; failed?: { why: unknown } } = { isWaiting: false };
  let sent = 0;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(before),
    async pull(controller) {
      restartTimer();
      reading.isWaiting = true;
      try {
        const { done, value } = await reader.read();
        sent += value?.length ?? 0;
        if (sent > file.size || (done && sent < file.size)) {
          const received = done ? `only ${sent} arrived` : "more arrived";
          const message = `The file has ${file.size} bytes, but ${received}.`;
          throw new PlaneInvalidError({ operation: UPLOAD_OPERATION, fields: {} }, message);
        }
        controller.enqueue(value ?? after);
        if (!value) controller.close();
      } catch (thrown) {
        reading.failed = { why: thrown };
        throw thrown;
      } finally {
        reading.isWaiting = false;
        restartTimer();
      }
    },
  });
  return { body, reading };
}

/**
 * Opens a file in Plane's storage, with the address of `attachmentsApi.get`, and returns its bytes as a stream that
 * ends with an error after `limit` bytes. Does not send the API key, because the storage is another server, and follows
 * no redirect. Throws PlaneUnavailableError when the storage does not answer with the file.
 */
export async function openDownload(
  { fetch, metrics }: Pick<PlaneRequestOptions, "fetch" | "metrics">,
  url: string,
  limit: number,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const answerTimeout = new AbortController();
  const timer = setTimeout(() => answerTimeout.abort(), ANSWER_MS);
  const signals = [answerTimeout.signal, AbortSignal.timeout(DOWNLOAD_TOTAL_MS), ...(signal ? [signal] : [])];
  let status = "none";
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.any(signals) });
    status = String(response.status);
    if (response.status === 200 && response.body) return response.body.pipeThrough(createByteLimit(limit));
    await response.body?.cancel();
    throw createDownloadError(`it answered ${response.status}`);
  } catch (thrown) {
    // The address is a secret for an hour, so the error of fetch, which may contain it, is not passed on.
    throw thrown instanceof PlaneUnavailableError ? thrown : createDownloadError("it could not be reached");
  } finally {
    clearTimeout(timer);
    metrics.count("plane_api_calls_total", { operation: DOWNLOAD_OPERATION, status });
  }
}

function createByteLimit(limit: number) {
  let size = 0;
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      size += piece.byteLength;
      if (size > limit)
        controller.error(
          new PlaneUnexpectedError(
            { operation: DOWNLOAD_OPERATION },
            `Plane's storage sent more than the ${limit} bytes that the file has according to Plane.`,
          ),
        );
      else controller.enqueue(piece);
    },
  });
}

/** The refusal when the storage did not send the whole file. */
export function createDownloadError(reason: string): PlaneUnavailableError {
  const message = `The file could not be read from Plane's storage: ${reason}. Call again later.`;
  return new PlaneUnavailableError({ operation: DOWNLOAD_OPERATION }, message);
}
