import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import type { UploadTicket } from "../../plane/attachments.ts";
import type { Job, StoredValue, StoreKey } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";

/** A deliverable on its way; kept before each effect, so that a call cut off anywhere goes on there. */
export interface KeptUpload {
  item: string;
  project: string;
  agent: string;
  name: string;
  type: string;
  size: number;
  /** Plane knows the attachment by it, together with our source. */
  external: string;
  /**
   * `begun`: Plane may have been asked for it; `created`: it has, and there is a ticket; `sent`: the storage has the
   * bytes; `confirmed`: Plane shows it; `linked`: the comment is there.
   */
  step: "begun" | "created" | "sent" | "confirmed" | "linked";
  attachment?: string;
  /** The permission to send, a secret while it is good: until then (store time). */
  ticket?: UploadTicket["upload_data"];
  until?: Ms;
  sha256?: string;
  /** Store time of the last step. */
  at: Ms;
}

/** What is being handed in, checked. */
export interface CheckedFile {
  name: string;
  type: string;
  size: number;
  /** Where its sender knows it. */
  sha256?: string;
}

/** The same file given again within so long is the same call repeated, where its content is not known beforehand. */
const AGAIN_MS: Ms = 10 * MINUTE;
/** A half one is removed after so long without a step; sending alone takes ten minutes at most. */
export const PARTIAL_UPLOAD_MS: Ms = 30 * MINUTE;

/** Everything that is the same when a call is repeated. */
export async function hashUpload({ caller }: CallContext, task: Task, file: CheckedFile): Promise<string> {
  const content = file.sha256 ?? `by ${caller.name}`;
  return (await sha256Hex(JSON.stringify([task.id, file.name, file.type, file.size, content]))).slice(0, 32);
}

/** The record under this key; made, with the job that looks for what is left half, when there is none. */
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

/** Looks for a half one when nobody has come back for it. */
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

/** Keeps the next step; false when another call was ahead: then its record counts. */
export async function saveUploadStep(
  { deps }: CallContext,
  key: StoreKey,
  { rev }: StoredValue<KeptUpload>,
  value: Omit<KeptUpload, "at">,
): Promise<boolean> {
  const next: KeptUpload = { ...value, at: await deps.store.now() };
  const expires = next.step === "linked" ? { expires: AGAIN_MS } : {};
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: next, ...expires }] })) === "kept";
}

/** Forgets the record; false when another call was ahead. */
export async function forgetUpload(
  { deps }: Pick<CallContext, "deps">,
  key: StoreKey,
  { rev }: StoredValue<KeptUpload>,
): Promise<boolean> {
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] })) === "kept";
}
