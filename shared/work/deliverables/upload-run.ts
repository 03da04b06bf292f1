import { attachmentsApi } from "../../plane/attachments.ts";
import type { UploadSource } from "../../plane/upload.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
import type { CallContext } from "../context/call-context.ts";
import { removePartialUpload } from "./partial-uploads.ts";
import { type CheckedFile, forgetUpload, type KeptUpload } from "./upload-record.ts";

/** One call that brings a file to Plane: what it was given, and what it has seen and done so far. */
export interface UploadRun {
  context: CallContext;
  file: CheckedFile;
  bytes: Blob | UploadSource;
  /** Runs right before each write; throws when the caller must not write any more. */
  prove: () => Promise<void>;
  /** Where the attachment is in Plane. */
  params: { project: string; item: string };
  /** Where the upload's record is kept. */
  key: StoreKey;
  /** Reads the upload's record, or begins one. */
  readRecord: () => Promise<StoredValue<KeptUpload>>;
  /** Of the bytes this call has sent. */
  sentHash?: string;
  /** The attachment that this call knows Plane shows. */
  shownAttachment?: string | undefined;
  /** Attachments that were begun, never finished, and could not be taken away again. */
  leftBehind: string[];
}

/** Whether Plane shows it: only what was confirmed, and nobody has deleted since. */
export async function isAttachmentShown(run: UploadRun, attachment: string | undefined): Promise<boolean> {
  if (attachment !== undefined && attachment === run.shownAttachment) return true;
  const { data } = await run.context.plane.call(attachmentsApi.list, { params: run.params });
  if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded)) return false;
  run.shownAttachment = attachment;
  return true;
}

/** Forgets the upload and removes its attachment, unless another call was ahead and goes on with them. */
export async function dropUpload(run: UploadRun, kept: StoredValue<KeptUpload>, attachment: string): Promise<void> {
  if (await forgetUpload(run.context, run.key, kept)) await discardAttachment(run, attachment);
}

/** Removes an attachment that was never confirmed; false when Plane keeps it. */
export async function discardAttachment(run: UploadRun, attachment: string): Promise<boolean> {
  const { context, params, leftBehind } = run;
  await run.prove();
  const isRemoved = await removePartialUpload(context.deps, context.plane, { ...params, attachment });
  if (!isRemoved) leftBehind.push(attachment);
  return isRemoved;
}
