import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import type { UploadTicket } from "../../plane/attachments.ts";
import type { Job } from "../../store/job-operations.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";

/** The progress of an upload, stored before each step so that an interrupted call can be continued. */
export interface KeptUpload {
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

/** Retention of a completed upload: 10 min, within which the same file without a known hash counts as repeated. */
const REPEAT_MS: Ms = 10 * MINUTE;
/** Timeout for a partial upload: 30 min without a step, because sending alone takes up to 10 min. */
export const PARTIAL_UPLOAD_MS: Ms = 30 * MINUTE;

/** Hashes what stays the same when a call is repeated; without a known content hash, that includes the caller. */
export async function hashUpload({ caller }: CallContext, task: Task, file: CheckedFile): Promise<string> {
  const content = file.sha256 ?? `by ${caller.name}`;
  return (await sha256Hex(JSON.stringify([task.id, file.name, file.type, file.size, content]))).slice(0, 32);
}

/** Returns the record of an upload, or creates it together with the job that cleans up after a partial upload. */
export async function findOrCreateUpload(
  context: CallContext,
  task: Task,
  file: CheckedFile,
  hash: string,
): Promise<StoredValue<KeptUpload>> {
  const { deps, caller, correlation } = context;
  const key = workKeys.upload(task.id, hash);
  for (;;) {
    const [existing] = await deps.store.read<KeptUpload>([key]);
    if (existing) return existing;
    const at = await deps.store.now();
    const { sha256, ...details } = file;
    const value: KeptUpload = {
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

/** The job that cleans up when no call has finished the upload. */
export function createPartialUploadJob(
  { newId }: Pick<WorkDeps, "newId">,
  item: string,
  upload: string,
  correlation: string,
  at: Ms,
): Job {
  const id = `half:${upload}:${newId()}`;
  return createWorkJob(id, id, { do: "half", item, upload, correlation }, at + PARTIAL_UPLOAD_MS);
}

/** Saves the next step; false when a concurrent call was faster, whose record is then valid. */
export async function saveUploadStep(
  { deps }: CallContext,
  key: StoreKey,
  { rev }: StoredValue<KeptUpload>,
  value: Omit<KeptUpload, "at">,
): Promise<boolean> {
  const next: KeptUpload = { ...value, at: await deps.store.now() };
  const expires = next.step === "linked" ? { expires: REPEAT_MS } : {};
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: next, ...expires }] })) === "kept";
}

/** Deletes the record; false when a concurrent call was faster. */
export async function forgetUpload(
  { deps }: Pick<CallContext, "deps">,
  key: StoreKey,
  { rev }: StoredValue<KeptUpload>,
): Promise<boolean> {
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] })) === "kept";
}
