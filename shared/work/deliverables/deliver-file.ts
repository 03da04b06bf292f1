import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { isOpen } from "../../task/diff.ts";
import { ensureClaim, verifyClaim } from "../claims/claims.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import { findTask } from "../tasks/find-task.ts";
import { attachFile } from "./attach-file.ts";
import { checkFileName, checkFileSize, checkFileType, type NewDeliverable } from "./check-file.ts";
import { type KeptDeliverables, linkDeliverable } from "./link-deliverable.ts";
import { hashStream } from "./send-file.ts";

/** What is on the work item now. */
export interface DeliveredFile {
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
export async function deliverFile(context: CallContext, deliverable: NewDeliverable): Promise<DeliveredFile> {
  const name = checkFileName(deliverable.name);
  const type = checkFileType(name, deliverable.type);
  const { size } = deliverable.file;
  await checkFileSize(context.deps, size);
  const task = await findTask(context, deliverable.task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError(
      "conflict",
      `${task.key} is ${task.item.snapshot.word}: set it to in_progress before you add a deliverable.`,
    );
  const claim = isAgent(context.caller) ? await ensureClaim(context, task) : undefined;
  const prove = async () => claim && verifyClaim(context, task, claim);
  const isRepeatable = deliverable.file instanceof Blob;
  const sha256 =
    deliverable.sha256 ?? (isRepeatable ? await hashStream(context.deps, deliverable.file.stream()) : undefined);
  const checked = { name, type, size, ...omitUndefined({ sha256 }) };
  const attachedFile = await attachFile(context, task, checked, deliverable.file, prove);
  const { value } = attachedFile.kept;
  const attachment = value.attachment ?? "";
  if (value.step === "confirmed") {
    await prove();
    await linkDeliverable(context, task, attachedFile, deliverable.text);
  }
  return {
    task: task.key,
    name: value.name,
    size,
    sha256: attachedFile.sha256,
    type,
    attachment,
    ...omitUndefined({
      already: !attachedFile.sent ? (true as const) : undefined,
      left_behind: attachedFile.leftBehind.length > 0 ? attachedFile.leftBehind : undefined,
    }),
  };
}

/**
 * What was delivered through the bridge on an item: no request to Plane. People's own attachments, and what was there
 * before the store was lost, are in Plane's list only.
 */
export async function readDeliverables(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<{ name: string; size: number }[]> {
  const [record] = await deps.store.read<KeptDeliverables>([workKeys.delivered(item)]);
  return record?.value.files.map(({ name, size }) => ({ name, size })) ?? [];
}
