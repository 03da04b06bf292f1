import { GroundcrewError } from "../errors.ts";
import { isOpen } from "../task/diff.ts";
import type { Acting, WorkDeps } from "./acting.ts";
import { holdTask, proveClaim } from "./claims.ts";
import { attach } from "./deliver-attach.ts";
import { type KeptDelivered, link } from "./deliver-link.ts";
import { readOnly } from "./deliver-send.ts";
import { type Handed, plainName, plainSize, plainType } from "./deliverable.ts";
import { findTask } from "./find.ts";
import { workKeys } from "./keys.ts";

/** What is on the work item now. */
export interface Delivered {
  /** Key of the task. */
  task: string;
  /** As Plane shows it: it takes dots off a name's beginning, say. */
  name: string;
  /** Bytes. */
  size: number;
  sha256: string;
  type: string;
  /** Plane's id. */
  attachment: string;
  /** This very file was there already. */
  already?: true;
  /** Plane's ids of attachments that were begun and could not be taken away; Plane shows them to nobody. */
  left_behind?: string[];
}

/**
 * Puts a file on a work item as an attachment, as the caller and under its claim, with a comment that links it. The
 * same call repeated, also after it was cut off anywhere, ends with one attachment and one comment. Name, type and
 * size are checked before anything is sent. Throws `bad_request`, `unsupported_type`, `too_large` with what is allowed,
 * `conflict` when the task is over or not the caller's to hold.
 */
export async function deliver(acting: Acting, handed: Handed): Promise<Delivered> {
  const name = plainName(handed.name);
  const type = plainType(name, handed.type);
  const { size } = handed.file;
  await plainSize(acting.deps, size);
  const task = await findTask(acting, handed.task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError(
      "conflict",
      `${task.key} is ${task.item.snapshot.word}: set it to in_progress before you add a deliverable.`,
    );
  const claim = acting.caller.role === "human" ? undefined : await holdTask(acting, task);
  const prove = async () => claim && proveClaim(acting, task, claim);
  const isWhole = handed.file instanceof Blob;
  const sha256 = handed.sha256 ?? (isWhole ? await readOnly(acting.deps, handed.file.stream()) : undefined);
  const checked = { name, type, size, ...(sha256 !== undefined && { sha256 }) };
  const attached = await attach(acting, task, checked, handed.file, prove);
  const { value } = attached.kept;
  const attachment = value.attachment ?? "";
  if (value.step === "confirmed") {
    await prove();
    await link(acting, task, attached, handed.text);
  }
  return {
    ...{ task: task.key, name: value.name, size, sha256: attached.sha256, type, attachment },
    ...(!attached.sent && { already: true as const }),
    ...(attached.left.length > 0 && { left_behind: attached.left }),
  };
}

/**
 * What was delivered through the bridge on an item: no request to Plane. People's own attachments, and what was there
 * before the store was lost, are in Plane's list only.
 */
export async function deliverablesOf(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<{ name: string; size: number }[]> {
  const [kept] = await deps.store.read<KeptDelivered>([workKeys.delivered(item)]);
  return kept?.value.files.map(({ name, size }) => ({ name, size })) ?? [];
}
