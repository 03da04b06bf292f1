/**
 * The progress of an upload, stored before each step so that an interrupted call can be continued, and the removal of
 * what was begun and never confirmed.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { sha256Hex } from "../../hashing.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { attachmentsApi, type UploadTicket } from "../../plane/attachments.ts";
import type { PlaneClient } from "../../plane/endpoint.ts";
import { PlaneError, PlaneNotFoundError } from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import type { Job, StoredValue, StoreKey } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../call-context.ts";

/** The progress of an upload, stored before each step so that an interrupted call can be continued. */
export interface UploadRecord {
  item: string;
  project: string;
  agent: string;
  name: string;
  type: string;
  size: number;
  /** The attachment's external id in Plane, unique together with our source. */
  external: string;
  /**
   * `begun`: the attachment may have been requested; `created`: Plane has created it and issued a ticket; `sent`: the
   * storage has the bytes; `confirmed`: Plane shows the attachment; `linked`: the comment has been written.
   */
  step: "begun" | "created" | "sent" | "confirmed" | "linked";
  attachment?: string;
  /** The permission to send, a secret while it is valid: until `until` (store time). */
  ticket?: UploadTicket["upload_data"];
  until?: Ms;
  sha256?: string;
  /** Store time of the last step. */
  at: Ms;
}

/** A file whose name, type and size have been checked. */
export interface CheckedFile {
  name: string;
  type: string;
  size: number;
  /** Set when the sender knows it. */
  sha256?: string;
}

interface PartialUpload {
  project: string;
  item: string;
  attachment: string;
}

/** Retention of a completed upload: 10 min, within which the same file without a known hash counts as repeated. */
const REPEAT_MS: Ms = 10 * MINUTE;

/** Timeout for a partial upload: 30 min without a step, because sending alone takes up to 10 min. */
export const PARTIAL_UPLOAD_MS: Ms = 30 * MINUTE;

/** Returns the record of an upload, or creates it together with the job that cleans up after a partial upload. */
export async function findOrCreateUpload(
  context: CallContext,
  task: Task,
  file: CheckedFile,
  hash: string,
): Promise<StoredValue<UploadRecord>> {
  const { deps, caller, correlation } = context;
  const key = workKeys.upload(task.id, hash);
  for (;;) {
    const [existing] = await deps.store.read<UploadRecord>([key]);
    if (existing) return existing;
    const at = await deps.store.now();
    const { sha256, ...details } = file;
    const value: UploadRecord = {
      item: task.id,
      project: task.project.id,
      agent: caller.name,
      ...details,
      step: "begun",
      at,
      external: `deliverable-${sha256 === undefined ? deps.newId() : hash}`,
    };
    await deps.store.commit({
      expect: [[key, 0]],
      put: [{ key, value }],
      jobs: [createPartialUploadJob(deps, task.id, hash, correlation, at)],
    });
  }
}

/** Saves the next step; false when a concurrent call was faster, whose record is then valid. */
export async function saveUploadStep(
  { deps }: CallContext,
  key: StoreKey,
  { rev }: StoredValue<UploadRecord>,
  value: Omit<UploadRecord, "at">,
): Promise<boolean> {
  const next: UploadRecord = { ...value, at: await deps.store.now() };
  const expires = next.step === "linked" ? { expires: REPEAT_MS } : {};
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: next, ...expires }] })) === "committed";
}

/** Deletes the record; false when a concurrent call was faster. */
export async function forgetUpload(
  { deps }: Pick<CallContext, "deps">,
  key: StoreKey,
  { rev }: StoredValue<UploadRecord>,
): Promise<boolean> {
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] })) === "committed";
}

/**
 * Removes an attachment that was never confirmed; true when it no longer exists. Plane does not show such attachments,
 * and its own worker removes them after 7 days; a failed removal is logged and reported to the caller.
 */
export async function removePartialUpload(
  deps: Pick<TaskDeps, "log">,
  plane: PlaneClient,
  upload: PartialUpload,
): Promise<boolean> {
  const { project, item, attachment } = upload;
  try {
    await plane.call(attachmentsApi.remove, { params: { project, item, attachment }, priority: "interactive" });
    deps.log.info("partial upload removed", { item, attachment });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return true;
    if (!(thrown instanceof PlaneError)) throw thrown;
    deps.log.warn("partial upload not removed; Plane removes it after 7 days", {
      item,
      attachment,
      reason: thrown.message,
    });
    return false;
  }
}

/** Hashes what stays the same when a call is repeated; without a known content hash, that includes the caller. */
export async function hashUpload({ caller }: CallContext, task: Task, file: CheckedFile): Promise<string> {
  const content = file.sha256 ?? `by ${caller.name}`;
  return (await sha256Hex(JSON.stringify([task.id, file.name, file.type, file.size, content]))).slice(0, 32);
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
