import { attachmentsApi } from "../../plane/attachments.ts";
import type { UploadSource } from "../../plane/upload.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
import type { CallContext } from "../context/call-context.ts";
import { chooseClient } from "../context/choose-client.ts";
import { removePartialUpload } from "./partial-uploads.ts";
import { type CheckedFile, forgetUpload, type KeptUpload } from "./upload-record.ts";

/** The state of one call that uploads a file: its input, and what it has learned and sent so far. */
export interface UploadRun {
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
  readRecord: () => Promise<StoredValue<KeptUpload>>;
  /** SHA-256 of the bytes that this call has sent. */
  sentHash?: string;
  /** An attachment that Plane has shown to this call, which then does not ask again. */
  shownAttachment?: string | undefined;
  /** Attachments that were started, never finished and could not be removed. */
  leftBehind: string[];
}

/** Whether Plane shows an attachment: it has been confirmed and not been deleted since. */
export async function isAttachmentShown(run: UploadRun, attachment: string | undefined): Promise<boolean> {
  if (attachment !== undefined && attachment === run.shownAttachment) return true;
  const client = await chooseClient(run.context);
  const { data } = await client.call(attachmentsApi.list, { params: run.params });
  if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded)) return false;
  run.shownAttachment = attachment;
  return true;
}

/** Deletes the upload's record and its attachment, unless a concurrent call was faster and uses them. */
export async function dropUpload(run: UploadRun, kept: StoredValue<KeptUpload>, attachment: string): Promise<void> {
  if (await forgetUpload(run.context, run.key, kept)) await discardAttachment(run, attachment);
}

/** Removes an attachment that was never confirmed; false when Plane keeps it. */
export async function discardAttachment(run: UploadRun, attachment: string): Promise<boolean> {
  const { context, params, leftBehind } = run;
  await run.requireClaim();
  const isRemoved = await removePartialUpload(context.deps, await chooseClient(context), { ...params, attachment });
  if (!isRemoved) leftBehind.push(attachment);
  return isRemoved;
}
