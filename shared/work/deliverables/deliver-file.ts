import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { isOpen } from "../../task/diff.ts";
import { ensureClaim } from "../claims/claim-task.ts";
import { verifyClaim } from "../claims/verify-claim.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import { findTask } from "../tasks/find-task.ts";
import { attachFile } from "./attach-file.ts";
import { checkFileName, checkFileSize, checkFileType, type NewDeliverable } from "./check-file.ts";
import { type KeptDeliverables, linkDeliverable } from "./link-deliverable.ts";
import { hashStream } from "./send-file.ts";

/** A file that is attached to a work item. */
export interface DeliveredFile {
  /** Key of the task. */
  task: string;
  /** The name that Plane shows, which may differ: Plane removes leading dots, for example. */
  name: string;
  /** Bytes. */
  size: number;
  sha256: string;
  type: string;
  /** Plane's id. */
  attachment: string;
  /** Set when this file was attached before the call. */
  already?: true;
  /** Plane's ids of attachments that were started and could not be removed; Plane does not show them. */
  left_behind?: string[];
}

/**
 * Attaches a file to a work item as the caller and under its claim, with a comment that links it. Repeating the call,
 * also after an interruption, ends with one attachment and one comment. Name, type and size are checked before anything
 * is sent. Throws `bad_request`, `unsupported_type` or `too_large` with what is allowed, and `conflict` when the task
 * is closed or held by another agent.
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
      `${task.key} is ${task.item.snapshot.word}. Set it to in_progress before you add a deliverable.`,
    );
  const claim = isAgent(context.caller) ? await ensureClaim(context, task) : undefined;
  const requireClaim = async () => claim && verifyClaim(context, task, claim);
  const isRepeatable = deliverable.file instanceof Blob;
  const sha256 =
    deliverable.sha256 ?? (isRepeatable ? await hashStream(context.deps, deliverable.file.stream()) : undefined);
  const checkedFile = { name, type, size, ...omitUndefined({ sha256 }) };
  const attachedFile = await attachFile(context, task, checkedFile, deliverable.file, requireClaim);
  const { value } = attachedFile.kept;
  const attachment = value.attachment ?? "";
  if (value.step === "confirmed") {
    await requireClaim();
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
 * Reads the deliverables of an item that were uploaded through Groundcrew, without a request to Plane. People's own
 * attachments, and those from before the store was lost, are only in Plane's list.
 */
export async function readDeliverables(
  deps: Pick<WorkDeps, "store">,
  item: string,
): Promise<{ name: string; size: number }[]> {
  const [record] = await deps.store.read<KeptDeliverables>([workKeys.delivered(item)]);
  return record?.value.files.map(({ name, size }) => ({ name, size })) ?? [];
}
