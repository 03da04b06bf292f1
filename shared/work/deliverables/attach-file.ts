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

/** The steps of a call are bounded, whatever the other side answers; an ordinary one takes four. */
const MAX_STEPS = 20;

/** What a call ends with: the record, `confirmed` or `linked`, under its key. */
export interface AttachedFile {
  kept: StoredValue<KeptUpload>;
  key: string;
  sha256: string;
  /** Whether this call sent the bytes, rather than found them there. */
  sent: boolean;
  /** Attachments that were begun, never finished, and could not be taken away again. */
  leftBehind: string[];
}

/**
 * Brings a file to Plane: create, upload, confirm, each kept before the next, so that the same call again goes on where
 * one was cut off and ends with one attachment. `prove` runs right before each write.
 */
export async function attachFile(
  context: CallContext,
  task: Task,
  file: CheckedFile,
  bytes: Blob | UploadSource,
  prove: () => Promise<void>,
): Promise<AttachedFile> {
  const hash = await hashUpload(context, task, file);
  const run: UploadRun = {
    context,
    file,
    bytes,
    prove,
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
    `${file.name} could not be brought to Plane: it kept refusing what it had just given. Try again in a minute.`,
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
      // Somebody has deleted the attachment in Plane since.
      await forgetUpload(run.context, run.key, kept);
  }
}

/** Bytes nobody knew beforehand may be others this time: they are sent over those that are there. */
function hasKnownContent({ file, sentHash }: UploadRun): boolean {
  return sentHash !== undefined || file.sha256 !== undefined;
}

/** Throws `conflict` when the attachment has another content than what is handed in. */
async function finishAttached(run: UploadRun, kept: StoredValue<KeptUpload>): Promise<AttachedFile> {
  const { context, file, bytes, key, leftBehind, sentHash } = run;
  const storedHash = kept.value.sha256 ?? file.sha256;
  const sha256 = sentHash ?? (await hashStream(context.deps, bytes.stream()));
  if (file.sha256 !== undefined && sha256 !== file.sha256) throw createHashMismatchError(sha256, file.sha256);
  if (storedHash !== undefined && sha256 !== storedHash) throw createExistingContentError(file.name, storedHash);
  return { kept, key, sha256, sent: sentHash !== undefined, leftBehind };
}
