/**
 * Moves the bytes of files: streams one to the storage, hashes it on the way and records for the page how far it is;
 * and reads one of a task: text as text, other content as base64, large files by an address.
 */

import type { StoreDeps, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { encodeBase64 } from "../../hashing.ts";
import {
  attachmentsApi,
  createDownloadError,
  openDownload,
  type PlaneAttachment,
  type UploadSource,
  type UploadTicket,
  uploadFile,
} from "../../plane/attachments.ts";
import { withRetries } from "../../plane/client.ts";
import { PlaneError, PlaneInvalidError, PlaneUnavailableError } from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import { readAllRows } from "../../store/records.ts";
import { cleanLine } from "../../text.ts";
import { MINUTE, type Ms, SECOND } from "../../time.ts";
import { requireReader } from "../access.ts";
import type { CallContext } from "../call-context.ts";
import { findTask } from "../find-task.ts";

/** How far a running upload of a deliverable is, for people. Sizes are in bytes. */
export interface UploadProgress {
  /** `ONB-12` */
  task: string;
  name: string;
  agent: string;
  /** Bytes that were received from the agent and passed on to Plane's storage. */
  sent: number;
  size: number;
  /** Our time of the first byte. */
  at: Ms;
}

/** Intervals between attempts to send a file that can be read again (OPENCLAW-15: 1, 5, 15 s). */
const DELAYS = [1_000, 5_000, 15_000];

/** Interval between two records of an upload's progress: 1 s. An upload that takes less is not recorded at all. */
const RECORD_INTERVAL_MS: Ms = SECOND;

/** Retention of a record that is not renewed: 2 min, because a transfer without data ends after 30 s. */
const KEPT_MS: Ms = 2 * MINUTE;

/** Limit of names in the refusal of an unknown name. */
const MAX_NAMES = 20;

/** Limit of a file in an answer in bytes: the whole answer is held in memory. Larger files are streamed. */
const MAX_INLINE_BYTES = 2 ** 20;

/** Timeout for reading a file into an answer: 30 s, as for any request to Plane. */
const TRANSFER_MS: Ms = 30_000;

/** Limit of a text in an answer in characters: about 10,000 tokens of a model. */
const MAX_TEXT_LENGTH = 40_000;

/** Limit of other files in an answer in bytes, because a model reads base64 as text. */
const MAX_BINARY_BYTES = 64 * 2 ** 10;

/**
 * Streams a file to the storage and hashes it on the way; `beforeSend` runs right before each attempt, and `upload` is
 * what the page shows meanwhile. The result: the content's SHA-256, or why the storage refused it.
 */
export async function sendFile(
  { deps }: CallContext,
  ticket: UploadTicket["upload_data"],
  file: Blob | UploadSource,
  { beforeSend, upload }: { beforeSend: () => Promise<void>; upload: Parameters<typeof trackUpload>[1] },
): Promise<{ sha256: string } | { refused: "ticket" | "size" }> {
  const repeatable = file instanceof Blob;
  const { wait, log } = deps;
  const retries = { operation: "attachments_upload", repeatable, delays: DELAYS, maxWait: 10_000, wait, log };
  try {
    return await withRetries(retries, async () => {
      await beforeSend();
      const hash = deps.hashing.sha256();
      const progress = trackUpload(deps, upload, deps.newId());
      const through = new TransformStream<Uint8Array, Uint8Array>({
        async transform(piece, controller) {
          hash.update(piece);
          await progress.record(piece.length);
          controller.enqueue(piece);
        },
      });
      const source = { size: file.size, stream: () => file.stream().pipeThrough(through) };
      try {
        await uploadFile(deps, { upload_data: ticket }, source);
      } finally {
        await progress.end();
      }
      return { sha256: hash.hex() };
    });
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.status === undefined) throw toSendError(thrown);
    if (thrown.status === 413 || /EntityTooLarge/.test(thrown.message)) return { refused: "size" };
    if (thrown.status === 403) return { refused: "ticket" };
    throw thrown;
  }
}

/** Converts an error of the sender's side: the bytes differ from what was announced, or ended early. */
function toSendError(thrown: unknown): unknown {
  if (thrown instanceof PlaneInvalidError)
    return new GroundcrewError("bad_request", `${thrown.message} Send it again.`);
  if (thrown instanceof PlaneError || thrown instanceof GroundcrewError) return thrown;
  const details = { operation: "attachments_upload" };
  return new PlaneUnavailableError(details, "The file was received incompletely. Send it again.");
}

/** Hashes a stream and reads it to its end: a client sees the answer only once it has sent its whole body. */
export async function hashStream({ hashing }: Pick<TaskDeps, "hashing">, file: ReadableStream<Uint8Array>) {
  const hash = hashing.sha256();
  for await (const piece of file) hash.update(piece);
  return hash.hex();
}

/** Reads the running uploads of all processes, the oldest first. */
export async function readUploads(deps: StoreDeps): Promise<UploadProgress[]> {
  const rows = await readAllRows<UploadProgress>(deps, workSets.uploads);
  return rows.map(({ value }) => value).sort((a, b) => a.at - b.at);
}

/**
 * Creates what records the progress of one upload for the page: call `record` with the size of each piece, and `end`
 * whatever the result is. A store that cannot be written does not disturb the upload.
 */
export function trackUpload(
  deps: Pick<TaskDeps, "store" | "clock" | "log">,
  upload: Omit<UploadProgress, "sent" | "at">,
  id: string,
): { record: (bytes: number) => Promise<void>; end: () => Promise<void> } {
  const key = workKeys.uploadProgress(id);
  let sent = 0;
  const startedAt = deps.clock();
  let recordedAt = startedAt;
  let isRecorded = false;

  async function save(value: UploadProgress | undefined) {
    const put = value ? { key, value, sets: [workSets.uploads], expires: KEPT_MS } : { key, value };
    await deps.store.commit({ put: [put] }).catch((thrown: unknown) => {
      deps.log.warn("upload progress not recorded", { error: getErrorMessage(thrown) });
    });
  }

  return {
    async record(bytes) {
      sent += bytes;
      const now = deps.clock();
      if (Math.abs(now - recordedAt) < RECORD_INTERVAL_MS) return;
      recordedAt = now;
      isRecorded = true;
      await save({ ...upload, sent: Math.min(sent, upload.size), at: startedAt });
    },
    async end() {
      if (isRecorded) await save(undefined);
    },
  };
}

/**
 * Finds the newest file of this name on a task, with one request to Plane; `open` opens it in Plane's storage. `type`
 * is the one that the sender declared. Allowed for those who may read the task's details. Throws `not_found` with the
 * names that there are.
 */
export async function findAttachment(context: CallContext, reference: string, name: string) {
  const task = await findTask(context, reference);
  await requireReader(context, task);
  const params = { project: task.project.id, item: task.id };
  const { data: rows } = await context.systemPlane.call(attachmentsApi.list, { params });
  const files = rows.filter((file) => file.is_uploaded).sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  const wanted = name.normalize("NFC");
  const file = files.find(({ attributes }) => attributes.name.normalize("NFC") === wanted);
  if (!file) throw createFileNotFoundError(task, name, files);
  const { id: attachment, attributes } = file;
  const { type, size } = attributes;
  async function open(signal?: AbortSignal) {
    const { data } = await context.systemPlane.call(attachmentsApi.get, { params: { ...params, attachment } });
    return openDownload(context.deps, data.location, size, signal);
  }
  return { task: task.key, name: attributes.name, type, size, open };
}

function createFileNotFoundError({ key }: Task, name: string, files: readonly PlaneAttachment[]): GroundcrewError {
  const names = [...new Set(files.map(({ attributes }) => cleanLine(attributes.name, 100)))].slice(0, MAX_NAMES);
  const available = names.length > 0 ? `Its files are: ${names.join(", ")}.` : "It has no files.";
  return new GroundcrewError("not_found", `${key} has no file "${cleanLine(name, 100)}". ${available}`);
}

/**
 * Reads a file of a task: text as text, other content as base64. Throws `too_large` for a file that does not fit an
 * answer, with the way to stream it.
 */
export async function downloadFile(context: CallContext, task: string, name: string) {
  const { open, ...file } = await findAttachment(context, task, name);
  const { size } = file;
  if (size > MAX_INLINE_BYTES) throw createTooLargeError(size, MAX_INLINE_BYTES);
  const bytes = await readBytes(open);
  const text = decodeText(bytes);
  if (text !== undefined) {
    const leftOut = text.length - MAX_TEXT_LENGTH;
    if (leftOut <= 0) return { ...file, text };
    return { ...file, text: text.slice(0, MAX_TEXT_LENGTH).toWellFormed(), left_out: leftOut };
  }
  if (bytes.length > MAX_BINARY_BYTES) throw createTooLargeError(bytes.length, MAX_BINARY_BYTES);
  return { ...file, file: encodeBase64(bytes) };
}

function createTooLargeError(size: number, limit: number): GroundcrewError {
  return new GroundcrewError(
    "too_large",
    `The file has ${size} bytes; an answer can contain at most ${limit}. Load it with the CLI ` +
      "(groundcrew download_deliverable --task ONB-12 --name report.pdf --output report.pdf) or " +
      "GET /agent/download_deliverable?task=ONB-12&name=report.pdf, which stream it.",
  );
}

async function readBytes(open: Awaited<ReturnType<typeof findAttachment>>["open"]): Promise<Uint8Array> {
  const body = await open(AbortSignal.timeout(TRANSFER_MS));
  try {
    return new Uint8Array(await new Response(body).arrayBuffer());
  } catch (thrown) {
    throw thrown instanceof PlaneError ? thrown : createDownloadError("the transfer was interrupted");
  }
}

/** Returns UTF-8 text; undefined when the bytes are not text. */
function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
