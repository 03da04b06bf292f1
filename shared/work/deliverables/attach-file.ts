import { PlaneUnavailableError } from "../../plane/errors.ts";
import type { UploadSource } from "../../plane/upload.ts";
import type { StoredValue } from "../../store/port.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { confirmAttachment } from "./confirm-attachment.ts";
import { createExistingContentError, createHashMismatchError } from "./content-errors.ts";
import { createAttachment } from "./create-attachment.ts";
import { hashStream } from "./send-file.ts";
import { uploadBytes } from "./upload-bytes.ts";
import { type CheckedFile, findOrCreateUpload, forgetUpload, hashUpload, type KeptUpload } from "./upload-record.ts";
import { isAttachmentShown, type UploadRun } from "./upload-run.ts";

/** Limit of a call's steps, so that it ends whatever Plane answers; an ordinary upload takes four. */
const MAX_STEPS = 20;

/** The result of an upload: its record, `confirmed` or `linked`, and the record's key. */
export interface AttachedFile {
  kept: StoredValue<KeptUpload>;
  key: string;
  sha256: string;
  /** Whether this call sent the bytes; false when Plane already had them. */
  sent: boolean;
  /** Attachments that were started, never finished and could not be removed. */
  leftBehind: string[];
}

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
    const kept = await run.readRecord();
    if (await isAttached(run, kept)) return finishAttached(run, kept);
    await takeNextStep(run, kept);
  }
  throw new PlaneUnavailableError(
    { operation: "attachments_create" },
    `${file.name} was not uploaded: Plane repeatedly refused its own upload tickets. Try again in a minute.`,
  );
}

async function isAttached(run: UploadRun, { value }: StoredValue<KeptUpload>): Promise<boolean> {
  const isConfirmed = value.step === "confirmed" || value.step === "linked";
  return isConfirmed && (await isAttachmentShown(run, value.attachment));
}

async function takeNextStep(run: UploadRun, kept: StoredValue<KeptUpload>): Promise<void> {
  switch (kept.value.step) {
    case "begun":
      return createAttachment(run, kept);
    case "created":
      return uploadBytes(run, kept);
    case "sent":
      return hasKnownContent(run) ? confirmAttachment(run, kept) : uploadBytes(run, kept);
    case "confirmed":
    case "linked":
      // The attachment has been deleted in Plane since.
      await forgetUpload(run.context, run.key, kept);
  }
}

/** Without a known hash the content may differ from what was sent before, so it must be sent again. */
function hasKnownContent({ file, sentHash }: UploadRun): boolean {
  return sentHash !== undefined || file.sha256 !== undefined;
}

/** Throws `conflict` when the existing attachment has other content than this file. */
async function finishAttached(run: UploadRun, kept: StoredValue<KeptUpload>): Promise<AttachedFile> {
  const { context, file, bytes, key, leftBehind, sentHash } = run;
  const storedHash = kept.value.sha256 ?? file.sha256;
  const sha256 = sentHash ?? (await hashStream(context.deps, bytes.stream()));
  if (file.sha256 !== undefined && sha256 !== file.sha256) throw createHashMismatchError(sha256, file.sha256);
  if (storedHash !== undefined && sha256 !== storedHash) throw createExistingContentError(file.name, storedHash);
  return { kept, key, sha256, sent: sentHash !== undefined, leftBehind };
}
