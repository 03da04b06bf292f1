/**
 * Uploads a file to Plane in three steps: create the attachment, send the bytes to the storage, confirm. What is done
 * is stored, so that repeating an interrupted call continues with what is left, and what no call finishes is removed.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { attachmentsApi, type UploadSource, type UploadTicket } from "../../plane/attachments.ts";
import type { PlaneClient } from "../../plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneUnavailableError,
} from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import type { Job, StoredValue, StoreKey } from "../../store/port.ts";
import { GROUNDCREW_SOURCE } from "../../sync/normalize.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { type CallContext, chooseClient } from "../call-context.ts";
import {
  createStorageLimitError,
  createTooLargeError,
  createUnsupportedTypeError,
  forgetFileSizeLimit,
} from "./file-check.ts";
import { hashStream, sendFile } from "./send-file.ts";

/** The progress of an upload, stored after each step so that an interrupted call can be continued. */
export interface UploadRecord {
  item: string;
  project: string;
  agent: string;
  name: string;
  size: number;
  /** The attachment's external id in Plane, unique together with our source. */
  external: string;
  /**
   * `begun`: the attachment may have been requested; `created`: Plane has created it and issued a ticket; `confirmed`:
   * Plane shows the attachment; `linked`: the comment has been written.
   */
  step: "begun" | "created" | "confirmed" | "linked";
  attachment?: string;
  /** The permission to send, a secret while it is valid: until `until` (store time). */
  ticket?: UploadTicket["upload_data"];
  until?: Ms;
  sha256?: string;
  /** Store time of the last step. */
  at: Ms;
}

/** A file whose name, type and size have been checked. */
interface CheckedFile {
  name: string;
  type: string;
  size: number;
  /** Set when the sender knows it. */
  sha256?: string;
}

/** One call that uploads a file: its input, and what it has learned and sent so far. */
interface UploadRun {
  context: CallContext;
  task: Task;
  file: CheckedFile;
  bytes: Blob | UploadSource;
  /** Runs right before each write; throws when the caller has lost its claim. */
  requireClaim: () => Promise<void>;
  /** Identifies the upload among those of its task. */
  upload: string;
  /** Store key of the upload's record. */
  key: StoreKey;
  /** Path parameters of the attachment in Plane. */
  params: { project: string; item: string };
  /** SHA-256 of the bytes that this call has sent. */
  sentHash?: string;
  /** This call has read the stream of the file, which cannot be read again. */
  isConsumed: boolean;
  /** An attachment that Plane has shown to this call, which then does not ask again. */
  shownAttachment?: string;
  /** Attachments that were started, never finished and could not be removed. */
  leftBehind: string[];
}

type StoredUpload = StoredValue<UploadRecord>;

/** Limit of a call's steps, so that it ends whatever Plane answers; an ordinary upload takes three. */
const MAX_STEPS = 20;

/** Time for which a ticket is used: 10 min, because Plane's tickets last an hour and an upload takes at most 10 min. */
const TICKET_MS: Ms = 10 * MINUTE;

/** Retention of a completed upload: 10 min, within which the same file without a known hash counts as repeated. */
const REPEAT_MS: Ms = 10 * MINUTE;

/** Timeout for a partial upload: 30 min without a step, because sending alone takes up to 10 min. */
export const PARTIAL_UPLOAD_MS: Ms = 30 * MINUTE;

/**
 * Uploads a file to Plane. Repeating an interrupted call continues where it stopped and ends with one attachment. The
 * result is its record, `confirmed` or `linked`, with the record's key; `isSent` is false when Plane already had the
 * bytes. `requireClaim` runs right before each write.
 */
export async function attachFile(
  context: CallContext,
  task: Task,
  file: CheckedFile,
  bytes: Blob | UploadSource,
  requireClaim: () => Promise<void>,
) {
  const upload = await hashUpload(context, task, file);
  const key = workKeys.upload(task.id, upload);
  const params = { project: task.project.id, item: task.id };
  const input = { context, task, file, bytes, requireClaim, upload, key, params };
  const run: UploadRun = { ...input, isConsumed: false, leftBehind: [] };
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const stored = await findOrCreateUpload(run);
    const { step: lastStep, attachment = "" } = stored.value;
    const isConfirmed = lastStep === "confirmed" || lastStep === "linked";
    if (isConfirmed && (await isAttachmentShown(run, attachment))) {
      const sha256 = await checkContent(run, stored.value);
      return { stored, key, sha256, isSent: run.sentHash !== undefined, leftBehind: run.leftBehind };
    }
    // The attachment has been deleted in Plane since.
    if (isConfirmed) await replaceUpload(context, key, stored);
    else if (run.isConsumed) throw createRestartError();
    else if (lastStep === "begun") await createAttachment(run, stored);
    else await sendAndConfirm(run, stored, attachment);
  }
  throw new PlaneUnavailableError(
    { operation: "attachments_create" },
    `${file.name} was not uploaded: Plane repeatedly refused its own upload tickets. Try again in a minute.`,
  );
}

/** Hashes what stays the same when a call is repeated; without a known content hash, that includes the caller. */
async function hashUpload({ caller }: CallContext, task: Task, file: CheckedFile): Promise<string> {
  const content = file.sha256 ?? `by ${caller.name}`;
  return (await sha256Hex(JSON.stringify([task.id, file.name, file.type, file.size, content]))).slice(0, 32);
}

/** Returns the record of an upload, or creates it together with the job that cleans up after a partial upload. */
async function findOrCreateUpload({ context, task, file, upload, key }: UploadRun): Promise<StoredUpload> {
  const { deps, caller, correlation } = context;
  for (;;) {
    const [existing] = await deps.store.read<UploadRecord>([key]);
    if (existing) return existing;
    const at = await deps.store.now();
    const value: UploadRecord = {
      item: task.id,
      project: task.project.id,
      agent: caller.name,
      name: file.name,
      size: file.size,
      step: "begun",
      at,
      external: `deliverable-${file.sha256 === undefined ? deps.newId() : upload}`,
    };
    const jobs = [createPartialUploadJob(deps, task.id, upload, correlation, at)];
    await deps.store.commit({ expect: [[key, 0]], put: [{ key, value }], jobs });
  }
}

/** The job that cleans up when no call has finished the upload. */
export function createPartialUploadJob(
  { newId }: Pick<TaskDeps, "newId">,
  item: string,
  upload: string,
  correlation: string,
  at: Ms,
): Job {
  const id = `clean_upload:${upload}:${newId()}`;
  return createWorkJob(id, id, { type: "clean_upload", item, upload, correlation }, at + PARTIAL_UPLOAD_MS);
}

/** Whether Plane shows an attachment: it has been confirmed and not been deleted since. */
async function isAttachmentShown(run: UploadRun, attachment: string): Promise<boolean> {
  if (attachment === run.shownAttachment) return true;
  const client = await chooseClient(run.context);
  const { data } = await client.call(attachmentsApi.list, { params: run.params });
  if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded)) return false;
  run.shownAttachment = attachment;
  return true;
}

/** Returns the SHA-256 of the file. Throws `conflict` when the existing attachment has other content. */
async function checkContent({ context, file, bytes, sentHash }: UploadRun, stored: UploadRecord): Promise<string> {
  const sha256 = sentHash ?? (await hashStream(context.deps, bytes.stream()));
  if (file.sha256 !== undefined && sha256 !== file.sha256) throw createHashMismatchError(sha256, file.sha256);
  const storedHash = stored.sha256 ?? sha256;
  if (sha256 === storedHash) return sha256;
  throw new GroundcrewError(
    "conflict",
    `Another ${file.name} of the same size was delivered a moment ago (SHA-256 ${storedHash}). If this is a new file, ` +
      "add its SHA-256 (sha256=…) or give it another name.",
  );
}

function createHashMismatchError(received: string, announced: string): GroundcrewError {
  const message = `The received file has SHA-256 ${received}, not ${announced} as announced. Nothing was stored. Send it again.`;
  return new GroundcrewError("bad_request", message);
}

/** Replaces the record, or deletes it; false when a concurrent call was faster, whose record is then valid. */
export async function replaceUpload(
  { deps }: Pick<CallContext, "deps">,
  key: StoreKey,
  { rev }: StoredUpload,
  next?: Omit<UploadRecord, "at">,
): Promise<boolean> {
  const value = next && { ...next, at: await deps.store.now() };
  const expires = next?.step === "linked" ? { expires: REPEAT_MS } : {};
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value, ...expires }] })) === "committed";
}

function createRestartError(): PlaneUnavailableError {
  const message =
    "The upload's ticket or attachment in Plane became invalid before the upload was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
}

/** First step: creates the attachment in Plane, which returns a ticket for sending the bytes. */
async function createAttachment(run: UploadRun, stored: StoredUpload): Promise<void> {
  const { context, file, key } = run;
  const until = (await context.deps.store.now()) + TICKET_MS;
  const created = await requestAttachment(run, stored);
  if ("existing" in created) return adoptExisting(run, stored, created.existing);
  const { asset_id: attachment, upload_data: ticket, attachment: row } = created;
  const { name, size } = row.attributes;
  if (size < file.size) {
    await dropUpload(run, stored, attachment);
    await forgetFileSizeLimit(context.deps);
    throw createTooLargeError(file.size, { bytes: size, plane: size });
  }
  const next = { ...stored.value, step: "created" as const, name, attachment, ticket, until };
  // If a concurrent call was faster, the attachment of this one is not needed.
  if (!(await replaceUpload(context, key, stored, next))) await discardAttachment(run, attachment);
}

/** Returns Plane's answer, or the id of the attachment that already has our external id. */
async function requestAttachment(
  { context, file, key, params, requireClaim }: UploadRun,
  stored: StoredUpload,
): Promise<UploadTicket | { existing: string }> {
  const { name, type, size } = file;
  const json = { name, type, size, external_source: GROUNDCREW_SOURCE, external_id: stored.value.external };
  try {
    // Plane shows the user who confirms the attachment as its author.
    const client = await chooseClient(context);
    return (await client.call(attachmentsApi.create, { params, json, beforeSend: requireClaim })).data;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return { existing: thrown.id };
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await replaceUpload(context, key, stored);
    throw /invalid file type/i.test(thrown.message)
      ? createUnsupportedTypeError(`Plane did not accept ${name} as ${type}.`)
      : thrown;
  }
}

/**
 * Adopts an attachment with our external id: finished before our record was lost, or created by an interrupted call.
 */
async function adoptExisting(run: UploadRun, stored: StoredUpload, attachment: string): Promise<void> {
  const { context, key } = run;
  if (await isAttachmentShown(run, attachment)) {
    await replaceUpload(context, key, stored, { ...stored.value, step: "confirmed", attachment });
    return;
  }
  // Only the call that saves this may remove the attachment; a concurrent call finds the record changed.
  if (!(await replaceUpload(context, key, stored, stored.value))) return;
  if (await discardAttachment(run, attachment)) return;
  const current = await findOrCreateUpload(run);
  await replaceUpload(context, key, current, { ...current.value, external: `${current.value.external}-again` });
}

/** Removes an attachment that was never confirmed; false when Plane keeps it. */
async function discardAttachment(run: UploadRun, attachment: string): Promise<boolean> {
  const { context, params, leftBehind } = run;
  await run.requireClaim();
  const isRemoved = await removePartialUpload(context.deps, await chooseClient(context), { ...params, attachment });
  if (!isRemoved) leftBehind.push(attachment);
  return isRemoved;
}

/**
 * Removes an attachment that was never confirmed; true when it no longer exists. Plane does not show such attachments,
 * and its own worker removes them after 7 days; a failed removal is logged and reported to the caller.
 */
export async function removePartialUpload(
  deps: Pick<TaskDeps, "log">,
  plane: PlaneClient,
  params: { project: string; item: string; attachment: string },
): Promise<boolean> {
  const { item, attachment } = params;
  try {
    await plane.call(attachmentsApi.remove, { params, priority: "interactive" });
    deps.log.info("partial upload removed", { item, attachment });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return true;
    if (!(thrown instanceof PlaneError)) throw thrown;
    const reason = thrown.message;
    deps.log.warn("partial upload not removed; Plane removes it after 7 days", { item, attachment, reason });
    return false;
  }
}

/** Deletes the upload's record and its attachment, unless a concurrent call was faster and uses them. */
async function dropUpload(run: UploadRun, stored: StoredUpload, attachment: string): Promise<void> {
  if (await replaceUpload(run.context, run.key, stored)) await discardAttachment(run, attachment);
}

/**
 * Second and third step: sends the bytes to the storage and confirms the attachment, after which Plane shows it. Starts
 * over when the ticket has expired or is refused, and when Plane does not know the attachment any more.
 */
async function sendAndConfirm(run: UploadRun, stored: StoredUpload, attachment: string): Promise<void> {
  const { context, file, bytes, key, requireClaim: beforeSend } = run;
  const { ticket, until = 0, ...record } = stored.value;
  if (!ticket || (await context.deps.store.now()) >= until) return dropUpload(run, stored, attachment);
  run.isConsumed = !(bytes instanceof Blob);
  const upload = { task: run.task.key, name: file.name, agent: context.caller.name, size: file.size };
  const result = await sendFile(context, ticket, bytes, { beforeSend, upload });
  if ("refused" in result) {
    await dropUpload(run, stored, attachment);
    if (result.refused === "size") throw await createStorageLimitError(context.deps, file.size);
    return;
  }
  const { sha256 } = result;
  run.sentHash = sha256;
  if (file.sha256 !== undefined && sha256 !== file.sha256) {
    await dropUpload(run, stored, attachment);
    throw createHashMismatchError(sha256, file.sha256);
  }
  try {
    const params = { ...run.params, attachment };
    await context.plane.call(attachmentsApi.confirm, { params, json: { is_uploaded: true }, beforeSend });
  } catch (thrown) {
    // Plane would refuse the caller again, and only Groundcrew's key created the attachment.
    if (thrown instanceof PlaneAuthError) await dropUpload(run, stored, attachment);
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await replaceUpload(context, key, stored);
    return;
  }
  run.shownAttachment = attachment;
  await replaceUpload(context, key, stored, { ...record, step: "confirmed", sha256 });
}
