/**
 * Uploads a file to Plane in three steps: create the attachment, send the bytes to the storage, confirm. Repeating the
 * call continues with the step that is left.
 */

import { GroundcrewError } from "../../errors.ts";
import { attachmentsApi, type UploadSource, type UploadTicket } from "../../plane/attachments.ts";
import type { PlaneAnswer } from "../../plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneUnavailableError,
} from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
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
import {
  type CheckedFile,
  findOrCreateUpload,
  forgetUpload,
  hashUpload,
  removePartialUpload,
  saveUploadStep,
  type UploadRecord,
} from "./upload-record.ts";

/** The result of an upload: its record, `confirmed` or `linked`, and the record's key. */
interface AttachedFile {
  stored: StoredValue<UploadRecord>;
  key: string;
  sha256: string;
  /** Whether this call sent the bytes; false when Plane already had them. */
  sent: boolean;
  /** Attachments that were started, never finished and could not be removed. */
  leftBehind: string[];
}

/** The state of one call that uploads a file: its input, and what it has learned and sent so far. */
interface UploadRun {
  context: CallContext;
  /** Key of the task. */
  task: string;
  file: CheckedFile;
  bytes: Blob | UploadSource;
  /** Runs right before each write; throws when the caller has lost its claim. */
  requireClaim: () => Promise<void>;
  /** Path parameters of the attachment in Plane. */
  params: { project: string; item: string };
  /** Store key of the upload's record. */
  key: StoreKey;
  /** Reads the upload's record, or creates it. */
  readRecord: () => Promise<StoredValue<UploadRecord>>;
  /** SHA-256 of the bytes that this call has sent. */
  sentHash?: string;
  /** An attachment that Plane has shown to this call, which then does not ask again. */
  shownAttachment?: string | undefined;
  /** Attachments that were started, never finished and could not be removed. */
  leftBehind: string[];
}

/** Limit of a call's steps, so that it ends whatever Plane answers; an ordinary upload takes four. */
const MAX_STEPS = 20;

/** Margin before a ticket's end within which it is not used: 1 min, for the upload itself. */
const TICKET_MARGIN_MS: Ms = MINUTE;

/**
 * Uploads a file to Plane: create, upload, confirm. Each step is stored before the next one, so that repeating an
 * interrupted call continues where it stopped and ends with one attachment. `requireClaim` runs right before each
 * write.
 */
export async function attachFile(
  context: CallContext,
  task: Task,
  file: CheckedFile,
  bytes: Blob | UploadSource,
  requireClaim: () => Promise<void>,
): Promise<AttachedFile> {
  const hash = await hashUpload(context, task, file);
  const run: UploadRun = {
    context,
    task: task.key,
    file,
    bytes,
    requireClaim,
    params: { project: task.project.id, item: task.id },
    key: workKeys.upload(task.id, hash),
    readRecord: () => findOrCreateUpload(context, task, file, hash),
    leftBehind: [],
  };
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const stored = await run.readRecord();
    if (await isAttached(run, stored)) return finishAttached(run, stored);
    await takeNextStep(run, stored);
  }
  throw new PlaneUnavailableError(
    { operation: "attachments_create" },
    `${file.name} was not uploaded: Plane repeatedly refused its own upload tickets. Try again in a minute.`,
  );
}

async function isAttached(run: UploadRun, { value }: StoredValue<UploadRecord>): Promise<boolean> {
  const isConfirmed = value.step === "confirmed" || value.step === "linked";
  return isConfirmed && (await isAttachmentShown(run, value.attachment));
}

/** Whether Plane shows an attachment: it has been confirmed and not been deleted since. */
async function isAttachmentShown(run: UploadRun, attachment: string | undefined): Promise<boolean> {
  if (attachment !== undefined && attachment === run.shownAttachment) return true;
  const client = await chooseClient(run.context);
  const { data } = await client.call(attachmentsApi.list, { params: run.params });
  if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded)) return false;
  run.shownAttachment = attachment;
  return true;
}

/** Throws `conflict` when the existing attachment has other content than this file. */
async function finishAttached(run: UploadRun, stored: StoredValue<UploadRecord>): Promise<AttachedFile> {
  const { context, file, bytes, key, leftBehind, sentHash } = run;
  const storedHash = stored.value.sha256 ?? file.sha256;
  const sha256 = sentHash ?? (await hashStream(context.deps, bytes.stream()));
  if (file.sha256 !== undefined && sha256 !== file.sha256) throw createHashMismatchError(sha256, file.sha256);
  if (storedHash !== undefined && sha256 !== storedHash) throw createExistingContentError(file.name, storedHash);
  return { stored, key, sha256, sent: sentHash !== undefined, leftBehind };
}

function createHashMismatchError(received: string, announced: string): GroundcrewError {
  const message = `The received file has SHA-256 ${received}, not ${announced} as announced. Nothing was stored. Send it again.`;
  return new GroundcrewError("bad_request", message);
}

function createExistingContentError(name: string, storedHash: string): GroundcrewError {
  return new GroundcrewError(
    "conflict",
    `Another ${name} of the same size was delivered a moment ago (SHA-256 ${storedHash}). If this is a new file, ` +
      "add its SHA-256 (sha256=…) or give it another name.",
  );
}

async function takeNextStep(run: UploadRun, stored: StoredValue<UploadRecord>): Promise<void> {
  switch (stored.value.step) {
    case "begun":
      return createAttachment(run, stored);
    case "created":
      return uploadBytes(run, stored);
    case "sent":
      return hasKnownContent(run) ? confirmAttachment(run, stored) : uploadBytes(run, stored);
    case "confirmed":
    case "linked":
      // The attachment has been deleted in Plane since.
      await forgetUpload(run.context, run.key, stored);
  }
}

/** First step: creates the attachment in Plane, which returns a ticket for sending the bytes. */
async function createAttachment(run: UploadRun, stored: StoredValue<UploadRecord>): Promise<void> {
  const { context, file, key } = run;
  const startedAt = await context.deps.store.now();
  const created = await requestAttachment(run, stored);
  if ("existing" in created) return adoptExisting(run, stored, created.existing);
  const { asset_id: attachment, upload_data: ticket, attachment: attachmentRow } = created.data;
  const { size } = attachmentRow.attributes;
  if (size < file.size) {
    await dropUpload(run, stored, attachment);
    await forgetFileSizeLimit(context.deps);
    throw createTooLargeError(file.size, { bytes: size, plane: size });
  }
  const next = {
    ...stored.value,
    step: "created" as const,
    name: attachmentRow.attributes.name,
    attachment,
    ticket,
    until: startedAt + getTicketLifetime(ticket, created.date),
  };
  // If a concurrent call was faster, the attachment of this one is not needed.
  if (!(await saveUploadStep(context, key, stored, next))) await discardAttachment(run, attachment);
}

/** Returns Plane's answer, or the id of the attachment that already has our external id. */
async function requestAttachment(
  { context, file, key, params, requireClaim }: UploadRun,
  stored: StoredValue<UploadRecord>,
): Promise<PlaneAnswer<UploadTicket> | { existing: string }> {
  const { name, type, size } = file;
  const json = { name, type, size, external_source: GROUNDCREW_SOURCE, external_id: stored.value.external };
  try {
    // Plane shows the user who confirms the attachment as its author.
    const client = await chooseClient(context);
    return await client.call(attachmentsApi.create, { params, json, beforeSend: requireClaim });
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return { existing: thrown.id };
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await forgetUpload(context, key, stored);
    throw /invalid file type/i.test(thrown.message)
      ? createUnsupportedTypeError(`Plane did not accept ${name} as ${type}.`)
      : thrown;
  }
}

/**
 * Adopts an attachment with our external id: finished before our record was lost, or created by an interrupted call.
 */
async function adoptExisting(run: UploadRun, stored: StoredValue<UploadRecord>, attachment: string): Promise<void> {
  const { context, key } = run;
  if (await isAttachmentShown(run, attachment)) {
    await saveUploadStep(context, key, stored, { ...stored.value, step: "confirmed", attachment });
    return;
  }
  // Only the call that saves this may remove the attachment; a concurrent call finds the record changed.
  if (!(await saveUploadStep(context, key, stored, stored.value))) return;
  if (await discardAttachment(run, attachment)) return;
  const current = await run.readRecord();
  await saveUploadStep(context, key, current, { ...current.value, external: `${current.value.external}-again` });
}

/** Removes an attachment that was never confirmed; false when Plane keeps it. */
async function discardAttachment(run: UploadRun, attachment: string): Promise<boolean> {
  const { context, params, leftBehind } = run;
  await run.requireClaim();
  const isRemoved = await removePartialUpload(context.deps, await chooseClient(context), { ...params, attachment });
  if (!isRemoved) leftBehind.push(attachment);
  return isRemoved;
}

/** Deletes the upload's record and its attachment, unless a concurrent call was faster and uses them. */
async function dropUpload(run: UploadRun, stored: StoredValue<UploadRecord>, attachment: string): Promise<void> {
  if (await forgetUpload(run.context, run.key, stored)) await discardAttachment(run, attachment);
}

/**
 * Returns how long a ticket may be used: from Plane's time of answering to the end that the ticket names, less a
 * margin, so that no other clock matters. Plane's tickets last an hour; 10 min when the ticket names no end.
 */
function getTicketLifetime({ fields }: UploadTicket["upload_data"], answeredAt: string): Ms {
  const end = /"expiration":\s*"([^"]+)"/.exec(decodeBase64(fields["policy"] ?? ""))?.[1] ?? "";
  const lifetime = Date.parse(end) - Date.parse(answeredAt);
  return Number.isFinite(lifetime) ? Math.max(lifetime - TICKET_MARGIN_MS, lifetime / 2) : 10 * MINUTE;
}

function decodeBase64(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

/** Second step: sends the bytes to the storage. Starts over when the ticket has expired or is refused. */
async function uploadBytes(run: UploadRun, stored: StoredValue<UploadRecord>): Promise<void> {
  const { context, file, bytes, key } = run;
  const { ticket, until = 0, attachment = "" } = stored.value;
  if (!ticket || (await context.deps.store.now()) >= until) return dropUpload(run, stored, attachment);
  const isConsumed = !(bytes instanceof Blob) && run.sentHash !== undefined;
  if (isConsumed) throw createRestartError();
  const upload = { task: run.task, name: file.name, agent: context.caller.name, size: file.size };
  const result = await sendFile(context, ticket, bytes, { beforeSend: run.requireClaim, upload });
  if ("refused" in result) {
    await dropUpload(run, stored, attachment);
    if (result.refused === "size") throw await createStorageLimitError(context.deps, file.size);
    return requireRepeatable(run);
  }
  const { sha256 } = result;
  run.sentHash = sha256;
  if (file.sha256 !== undefined && sha256 !== file.sha256) {
    await dropUpload(run, stored, attachment);
    throw createHashMismatchError(sha256, file.sha256);
  }
  await saveUploadStep(context, key, stored, { ...stored.value, step: "sent", sha256 });
}

function createRestartError(): PlaneUnavailableError {
  const message =
    "The upload's ticket or attachment in Plane became invalid before the upload was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
}

/** Throws unless the bytes can be read again. */
function requireRepeatable({ bytes }: UploadRun): void {
  if (!(bytes instanceof Blob)) throw createRestartError();
}

/** Without a known hash the content may differ from what was sent before, so it must be sent again. */
function hasKnownContent({ file, sentHash }: UploadRun): boolean {
  return sentHash !== undefined || file.sha256 !== undefined;
}

/**
 * Third step: confirms the attachment, after which Plane shows it. Starts over when Plane does not know it any more.
 */
async function confirmAttachment(run: UploadRun, stored: StoredValue<UploadRecord>): Promise<void> {
  const { context, key, requireClaim } = run;
  const { attachment = "" } = stored.value;
  try {
    await context.plane.call(attachmentsApi.confirm, {
      params: { ...run.params, attachment },
      json: { is_uploaded: true },
      beforeSend: requireClaim,
    });
  } catch (thrown) {
    // Plane would refuse the caller again, and only Groundcrew's key created the attachment.
    if (thrown instanceof PlaneAuthError) await dropUpload(run, stored, attachment);
    if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    await forgetUpload(context, key, stored);
    return requireRepeatable(run);
  }
  run.shownAttachment = attachment;
  const { ticket: _, until: __, ...rest } = stored.value;
  await saveUploadStep(context, key, stored, { ...rest, step: "confirmed" });
}
