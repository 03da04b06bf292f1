/**
 * The files of tasks. An agent attaches one under its claim, with a comment that links it. Nothing is recorded about how
 * far an upload is: by their external ids, Plane names the attachment and the comment that an earlier call has made. The
 * bytes are streamed to the storage and hashed on the way, and the page shows how far they are. Files are read as text,
 * as base64, or by an address.
 */

import type { StoreDeps, TaskDeps } from "../../app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { encodeBase64, sha256Hex } from "../../hashing.ts";
import { formatTemplate, localizeFileSize } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
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
import { GROUNDCREW_SOURCE } from "../../plane/endpoint.ts";
import {
  PlaneConflictError,
  PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneUnavailableError,
} from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import { type DeliverablesRecord, formatAttachmentUrl } from "../../records/task-records.ts";
import type { Put } from "../../store/port.ts";
import { readAllRows, updateValue } from "../../store/records.ts";
import { isOpen } from "../../task/snapshot.ts";
import { cleanLine } from "../../text.ts";
import { MINUTE, type Ms, SECOND } from "../../time.ts";
import { requireReader } from "../access.ts";
import { type CallContext, chooseClient, isAgent } from "../call-context.ts";
import { ensureClaim, verifyClaim } from "../claims.ts";
import { findTask } from "../find-task.ts";
import { getIdempotencyKey, postComment, runInTurn } from "../post-comment.ts";
import {
  checkFileName,
  checkFileSize,
  checkFileType,
  createTooLargeError,
  createUnsupportedTypeError,
  type NewDeliverable,
} from "./file-check.ts";

/** A file that one call attaches. */
interface Upload extends Pick<NewDeliverable, "file" | "sha256" | "text"> {
  context: CallContext;
  task: Task;
  name: string;
  type: string;
  /** The attachment's external id in Plane, unique together with our source. */
  external: string;
  /** Runs right before each write; throws when the caller has lost its claim. */
  beforeSend: () => Promise<void>;
}

/** A file in Plane. `already`: an earlier call has sent it. */
interface Attached {
  attachment: string;
  name: string;
  sha256: string;
  already?: true;
}

/**
 * Attaches a file to a work item as the caller and under its claim, with a comment that links it. Repeating the call,
 * also after an interruption, ends with one attachment and one comment. Name, type and size are checked before anything
 * is sent. Throws `bad_request`, `unsupported_type` or `too_large` with what is allowed, and `conflict` when the task
 * is closed or held by another agent.
 */
export async function deliverFile(context: CallContext, deliverable: NewDeliverable) {
  const { deps, caller } = context;
  const { file, text } = deliverable;
  const name = checkFileName(deliverable.name);
  const type = checkFileType(name, deliverable.type);
  const { size } = file;
  await checkFileSize(deps, size);
  const task = await findTask(context, deliverable.task);
  if (!isOpen(task.item.snapshot.status))
    throw new GroundcrewError(
      "conflict",
      `${task.key} is ${task.item.snapshot.status}. Set it to in_progress before you add a deliverable.`,
    );
  const claim = isAgent(caller) ? await ensureClaim(context, task) : undefined;
  const beforeSend = async () => claim && verifyClaim(context, task, claim);
  const sha256 = deliverable.sha256 ?? (file instanceof Blob ? await hashStream(deps, file.stream()) : undefined);
  // What stays the same when a call is repeated; without a known hash for ten minutes.
  const id = sha256
    ? (await sha256Hex(JSON.stringify([task.id, name, type, size, sha256]))).slice(0, 32)
    : await getIdempotencyKey(context, "upload", task.id, name, type, String(size));
  const external = `deliverable-${id}`;
  const upload = { context, task, file, sha256, text, name, type, external, beforeSend };
  return runInTurn(deps.store, external, async () => {
    const attached = await attachFile(upload);
    await linkAttachment(upload, attached);
    return { task: task.key, size, type, ...attached };
  });
}

/** Sends the file, unless Plane has it. What an earlier call has left unfinished is removed. */
async function attachFile(upload: Upload, isRetry = false): Promise<Attached> {
  const created = await createAttachment(upload);
  if (typeof created !== "string") return sendAndConfirm(upload, created);
  const client = await chooseClient(upload.context);
  const { data } = await client.call(attachmentsApi.list, { params: toParams(upload) });
  const row = data.find(({ id, is_uploaded }) => id === created && is_uploaded);
  if (row) return checkAttached(upload, created, row.attributes.name);
  // What Plane keeps keeps its external id as well.
  if (isRetry || !(await removeAttachment(upload, created))) throw createRestartError();
  return attachFile(upload, true);
}

const toParams = ({ task }: Upload) => ({ project: task.project.id, item: task.id });

/** Gets a ticket; the id of the attachment that an interrupted call, or one before the store was lost, has created. */
async function createAttachment(upload: Upload): Promise<UploadTicket | string> {
  const { context, name, type, file, external: external_id, beforeSend } = upload;
  const json = { name, type, size: file.size, external_source: GROUNDCREW_SOURCE, external_id };
  try {
    // Plane shows the user who confirms the attachment as its author.
    const client = await chooseClient(context);
    return (await client.call(attachmentsApi.create, { params: toParams(upload), json, beforeSend })).data;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    if (!(thrown instanceof PlaneInvalidError) || !/invalid file type/i.test(thrown.message)) throw thrown;
    throw createUnsupportedTypeError(`Plane did not accept ${name} as ${type}.`);
  }
}

/** Sends the bytes and confirms that they arrived; an attachment that is not confirmed is removed. */
async function sendAndConfirm(upload: Upload, ticket: UploadTicket): Promise<Attached> {
  const { context, task, file, beforeSend } = upload;
  const { asset_id: attachment, upload_data } = ticket;
  const { name, size: allowed } = ticket.attachment.attributes;
  try {
    if (allowed < file.size) throw createTooLargeError(file.size, { bytes: allowed, plane: allowed });
    const progress = { task: task.key, name: upload.name, agent: context.caller.name, size: file.size };
    const sha256 = await sendFile(context, upload_data, file, { beforeSend, upload: progress });
    requireHash(upload, sha256);
    const params = { ...toParams(upload), attachment };
    await context.plane.call(attachmentsApi.confirm, { params, json: { is_uploaded: true }, beforeSend });
    return { attachment, name, sha256 };
  } catch (thrown) {
    await removeAttachment(upload, attachment);
    // The same call elsewhere has removed it.
    throw thrown instanceof PlaneNotFoundError ? createRestartError() : thrown;
  }
}

/** Throws `bad_request` when the file is not the one that was announced. */
function requireHash({ sha256: announced }: Upload, received: string): void {
  if (announced === undefined || received === announced) return;
  const message = `The received file has SHA-256 ${received}, not ${announced} as announced. Nothing was stored. Send it again.`;
  throw new GroundcrewError("bad_request", message);
}

/**
 * Removes an attachment that was never confirmed; true when it no longer exists. Plane does not show such attachments,
 * and its own worker removes them after 7 days; a failed removal is logged.
 */
async function removeAttachment(upload: Upload, attachment: string): Promise<boolean> {
  const { log } = upload.context.deps;
  const fields = { item: upload.task.id, attachment };
  try {
    await upload.context.systemPlane.call(attachmentsApi.remove, { params: { ...toParams(upload), attachment } });
    log.info("partial upload removed", fields);
  } catch (thrown) {
    if (!(thrown instanceof PlaneError)) throw thrown;
    if (thrown instanceof PlaneNotFoundError) return true;
    log.warn("partial upload not removed; Plane removes it after 7 days", { ...fields, reason: thrown.message });
    return false;
  }
  return true;
}

/** Reads the file to its end, and throws when Plane has another one under its external id. */
async function checkAttached(upload: Upload, attachment: string, name: string): Promise<Attached> {
  const { deps } = upload.context;
  const sha256 = await hashStream(deps, upload.file.stream());
  requireHash(upload, sha256);
  const [record] = await deps.store.read<DeliverablesRecord>([workKeys.delivered(upload.task.id)]);
  const known = record?.value.files.find((one) => one.attachment === attachment)?.sha256 ?? sha256;
  if (sha256 === known) return { attachment, name, sha256, already: true };
  throw new GroundcrewError(
    "conflict",
    `Another ${name} of the same size was delivered a moment ago (SHA-256 ${known}). If this is a new file, ` +
      "add its SHA-256 (sha256=…) or give it another name.",
  );
}

/** Links a file with a comment, and records it, once. */
async function linkAttachment(upload: Upload, { attachment, name, sha256 }: Attached): Promise<void> {
  const { context, task, beforeSend } = upload;
  const key = workKeys.delivered(task.id);
  const [record] = await context.deps.store.read<DeliverablesRecord>([key]);
  if (record?.value.files.some((file) => file.attachment === attachment)) return;
  await beforeSend();
  await postComment(context, task, `deliverable-${attachment}`, await renderLink(upload, attachment, name));
  const file = { name, size: upload.file.size, attachment, sha256 };
  await updateValue<DeliverablesRecord>(context.deps, key, (current) => {
    const files = current?.files.filter((one) => one.attachment !== attachment) ?? [];
    return { put: [{ key, value: { files: [...files, file] } satisfies DeliverablesRecord }] };
  });
}

/** Links to the file. A link to the work item would only lead to the page on which the comment is. */
async function renderLink(upload: Upload, attachment: string, name: string): Promise<string> {
  const { context, file, text } = upload;
  const { settings } = context.deps;
  const href = formatAttachmentUrl(settings.plane, { ...toParams(upload), attachment });
  const { comments } = getTexts(settings.locale);
  const line = formatTemplate(comments.deliverable, {
    file: `<a href="${escapeHtml(href)}">${escapeHtml(name)}</a>`,
    size: localizeFileSize(comments.locale, file.size),
  });
  return `<p>${line}</p>${text?.trim() ? await toHtml(text) : ""}`;
}

/** How far a running upload of a deliverable is, for people. Sizes are in bytes. */
interface UploadProgress {
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
 * Streams a file to the storage and returns its SHA-256; `beforeSend` runs right before each attempt, and `upload` is
 * what the page shows meanwhile. Throws `too_large` when the storage has a lower limit than Plane.
 */
export async function sendFile(
  { deps }: CallContext,
  ticket: UploadTicket["upload_data"],
  file: Blob | UploadSource,
  { beforeSend, upload }: { beforeSend: () => Promise<void>; upload: Omit<UploadProgress, "sent" | "at"> },
): Promise<string> {
  const repeatable = file instanceof Blob;
  const { wait, log } = deps;
  const retries = { operation: "attachments_upload", repeatable, delays: DELAYS, maxWait: 10_000, wait, log };
  try {
    return await withRetries(retries, async () => {
      await beforeSend();
      const hash = deps.hashing.sha256();
      const progress = trackUpload(deps, upload);
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
      return hash.hex();
    });
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.status === undefined) throw toSendError(thrown);
    if (thrown.status === 403) throw createRestartError();
    if (thrown.status !== 413 && !/EntityTooLarge/.test(thrown.message)) throw thrown;
    throw new GroundcrewError(
      "too_large",
      `Plane's storage or a proxy in front of it refused ${file.size} bytes as too large. FILE_SIZE_LIMIT must be the ` +
        "same for Plane's server and its proxy, with some room for the form around a file.",
    );
  }
}

/** The refusal of an upload whose ticket or attachment is no longer valid. */
export function createRestartError(): PlaneUnavailableError {
  const message =
    "The upload's ticket or attachment in Plane became invalid before the upload was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
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
  deps: Pick<TaskDeps, "store" | "clock" | "log" | "newId">,
  upload: Omit<UploadProgress, "sent" | "at">,
) {
  const key = workKeys.uploadProgress(deps.newId());
  const at = deps.clock();
  let [sent, recordedAt] = [0, at];
  const save = async (put: Omit<Put, "key">) => {
    await deps.store.commit({ put: [{ key, ...put }] }).catch((thrown: unknown) => {
      deps.log.warn("upload progress not recorded", { error: getErrorMessage(thrown) });
    });
  };
  return {
    async record(bytes: number) {
      sent += bytes;
      const now = deps.clock();
      if (Math.abs(now - recordedAt) < RECORD_INTERVAL_MS) return;
      recordedAt = now;
      const value: UploadProgress = { ...upload, sent: Math.min(sent, upload.size), at };
      await save({ value, sets: [workSets.uploads], expires: KEPT_MS });
    },
    end: async () => (recordedAt === at ? undefined : save({ value: undefined })),
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
  if (size > MAX_INLINE_BYTES) throw createTooLongError(size, MAX_INLINE_BYTES);
  const bytes = await readBytes(open);
  const text = decodeText(bytes);
  if (text !== undefined) {
    const leftOut = text.length - MAX_TEXT_LENGTH;
    if (leftOut <= 0) return { ...file, text };
    return { ...file, text: text.slice(0, MAX_TEXT_LENGTH).toWellFormed(), left_out: leftOut };
  }
  if (bytes.length > MAX_BINARY_BYTES) throw createTooLongError(bytes.length, MAX_BINARY_BYTES);
  return { ...file, file: encodeBase64(bytes) };
}

function createTooLongError(size: number, limit: number): GroundcrewError {
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
