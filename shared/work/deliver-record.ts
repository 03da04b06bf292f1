import { sha256Hex } from "../digest.ts";
import type { UploadTicket } from "../plane/attachments.ts";
import type { Job, Kept, Key, Ms } from "../store/port.ts";
import type { Acting, WorkDeps } from "./acting.ts";
import type { Task } from "./find.ts";
import { workJob } from "./jobs.ts";
import { workKeys } from "./keys.ts";

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
export interface Checked {
  name: string;
  type: string;
  size: number;
  /** Where its sender knows it. */
  sha256?: string;
}

/** The same file given again within so long is the same call repeated, where its content is not known beforehand. */
const AGAIN_MS: Ms = 600_000;
/** A half one is removed after so long without a step; sending alone takes ten minutes at most. */
export const HALF_MS: Ms = 1_800_000;

/** Everything that is the same when a call is repeated. */
export async function uploadHash({ caller }: Acting, task: Task, file: Checked): Promise<string> {
  const content = file.sha256 ?? `by ${caller.name}`;
  return (await sha256Hex(JSON.stringify([task.id, file.name, file.type, file.size, content]))).slice(0, 32);
}

/** The record under this key; made, with the job that looks for what is left half, when there is none. */
export async function recordOf(acting: Acting, task: Task, file: Checked, hash: string): Promise<Kept<KeptUpload>> {
  const { deps, caller, correlation } = acting;
  const key = workKeys.upload(task.id, hash);
  for (;;) {
    const [kept] = await deps.store.read<KeptUpload>([key]);
    if (kept) return kept;
    const at = await deps.store.now();
    const { sha256, ...known } = file;
    const value: KeptUpload = {
      ...{ item: task.id, project: task.project.id, agent: caller.name, ...known, step: "begun", at },
      external: `deliverable-${sha256 === undefined ? deps.newId() : hash}`,
    };
    await deps.store.commit({
      expect: [[key, 0]],
      put: [{ key, value }],
      jobs: [halfJob(deps, task.id, hash, correlation, at)],
    });
  }
}

/** Looks for a half one when nobody has come back for it. */
export function halfJob(
  { newId }: Pick<WorkDeps, "newId">,
  item: string,
  upload: string,
  correlation: string,
  at: Ms,
): Job {
  const id = `half:${upload}:${newId()}`;
  return workJob(id, id, { do: "half", item, upload, correlation }, at + HALF_MS);
}

/** Keeps the next step; false when another call was ahead: then its record counts. */
export async function stepTo(
  { deps }: Acting,
  key: Key,
  { rev }: Kept<KeptUpload>,
  value: Omit<KeptUpload, "at">,
): Promise<boolean> {
  const next: KeptUpload = { ...value, at: await deps.store.now() };
  const expires = next.step === "linked" ? { expires: AGAIN_MS } : {};
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: next, ...expires }] })) === "kept";
}

/** Forgets the record; false when another call was ahead. */
export async function forget({ deps }: Pick<Acting, "deps">, key: Key, { rev }: Kept<KeptUpload>): Promise<boolean> {
  return (await deps.store.commit({ expect: [[key, rev]], put: [{ key, value: undefined }] })) === "kept";
}
