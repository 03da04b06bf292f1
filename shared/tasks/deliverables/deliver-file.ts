/**
 * Attaches a file to a task as the caller and under its claim, with a comment that links it; a job completes or
 * removes what a call left behind.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { formatTemplate, localizeFileSize } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { attachmentsApi } from "../../plane/attachments.ts";
import { PlaneNotFoundError } from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { type DeliverablesRecord, formatAttachmentUrl } from "../../records/task-records.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
import { updateValue } from "../../store/records.ts";
import { isOpen } from "../../task/snapshot.ts";
import { type CallContext, createCallContext, isAgent } from "../call-context.ts";
import { verifyClaim } from "../claim-lease.ts";
import { ensureClaim } from "../claims.ts";
import { postComment } from "../comments.ts";
import { findStoredTask, findTask } from "../find-task.ts";
import { checkFileName, checkFileSize, checkFileType, type NewDeliverable } from "./file-check.ts";
import { hashStream } from "./send-file.ts";
import {
  attachFile,
  createPartialUploadJob,
  PARTIAL_UPLOAD_MS,
  removePartialUpload,
  replaceUpload,
  type UploadRecord,
} from "./upload.ts";

/**
 * Attaches a file to a work item as the caller and under its claim, with a comment that links it. Repeating the call,
 * also after an interruption, ends with one attachment and one comment. Name, type and size are checked before anything
 * is sent. Throws `bad_request`, `unsupported_type` or `too_large` with what is allowed, and `conflict` when the task
 * is closed or held by another agent.
 */
export async function deliverFile(context: CallContext, deliverable: NewDeliverable) {
  const name = checkFileName(deliverable.name);
  const type = checkFileType(name, deliverable.type);
  const { size } = deliverable.file;
  await checkFileSize(context.deps, size);
  const task = await findTask(context, deliverable.task);
  if (!isOpen(task.item.snapshot.status))
    throw new GroundcrewError(
      "conflict",
      `${task.key} is ${task.item.snapshot.status}. Set it to in_progress before you add a deliverable.`,
    );
  const claim = isAgent(context.caller) ? await ensureClaim(context, task) : undefined;
  const requireClaim = async () => claim && verifyClaim(context, task, claim);
  const isRepeatable = deliverable.file instanceof Blob;
  const sha256 =
    deliverable.sha256 ?? (isRepeatable ? await hashStream(context.deps, deliverable.file.stream()) : undefined);
  const checkedFile = { name, type, size, ...omitUndefined({ sha256 }) };
  const attachedFile = await attachFile(context, task, checkedFile, deliverable.file, requireClaim);
  const { value } = attachedFile.stored;
  const attachment = value.attachment ?? "";
  if (value.step === "confirmed") {
    await requireClaim();
    await linkDeliverable(context, task, attachedFile, deliverable.text);
  }
  return omitUndefined({
    task: task.key,
    name: value.name,
    size,
    sha256: attachedFile.sha256,
    type,
    attachment,
    already: attachedFile.isSent ? undefined : (true as const),
    left_behind: attachedFile.leftBehind.length > 0 ? attachedFile.leftBehind : undefined,
  });
}

/**
 * Links a confirmed attachment in a comment, records it as a deliverable of the item and completes the upload under
 * this key. Idempotent. `text` is Markdown.
 */
async function linkDeliverable(
  context: CallContext,
  task: Task,
  { stored, key, sha256 }: { stored: StoredValue<UploadRecord>; key: StoreKey; sha256?: string | undefined },
  text?: string,
): Promise<void> {
  const { name, size, attachment = "" } = stored.value;
  const html = await renderDeliverableComment(context, task, stored.value, text);
  await postComment(context, task, `deliverable-${attachment}`, html);
  const listKey = workKeys.delivered(task.id);
  await updateValue<DeliverablesRecord>(context.deps, listKey, (current) => {
    const files = current?.files.filter((file) => file.attachment !== attachment) ?? [];
    const value: DeliverablesRecord = { files: [...files, { name, size, attachment }] };
    return { put: [{ key: listKey, value }] };
  });
  await replaceUpload(context, key, stored, { ...stored.value, step: "linked", ...omitUndefined({ sha256 }) });
}

/** Links to the file. A link to the work item would only lead to the page on which the comment is. */
async function renderDeliverableComment(
  { deps }: CallContext,
  task: Task,
  { name, size, attachment = "" }: UploadRecord,
  text: string | undefined,
): Promise<string> {
  const href = formatAttachmentUrl(deps.settings.plane, { project: task.project.id, item: task.id, attachment });
  const { comments } = getTexts(deps.settings.locale);
  const line = formatTemplate(comments.deliverable, {
    file: `<a href="${escapeHtml(href)}">${escapeHtml(name)}</a>`,
    size: localizeFileSize(comments.locale, size),
  });
  const description = text?.trim() ? await toHtml(text) : "";
  return `<p>${line}</p>${description}`;
}

/**
 * Cleans up after an upload that no call has finished: removes its attachment or, when Plane shows the attachment
 * already, writes the comment that links it.
 */
export async function cleanUpPartialUpload(
  deps: TaskDeps,
  { item, upload, correlation }: { item: string; upload: string; correlation: string },
): Promise<void> {
  const key = workKeys.upload(item, upload);
  const [record] = await deps.store.read<UploadRecord>([key]);
  if (!record || record.value.step === "linked") return;
  const { at, attachment, project, agent, name, step } = record.value;
  if (at + PARTIAL_UPLOAD_MS > (await deps.store.now())) {
    await deps.store.commit({ jobs: [createPartialUploadJob(deps, item, upload, correlation, at)] });
    return;
  }
  if (step === "confirmed" && (await linkConfirmed(deps, key, record, correlation))) return;
  // The record goes first, so that a new call starts over instead of sending with the removed attachment's ticket.
  if (!(await replaceUpload({ deps }, key, record))) return cleanUpPartialUpload(deps, { item, upload, correlation });
  deps.log.warn("upload never finished", { correlation, item, agent, name, step });
  if (attachment !== undefined && step !== "confirmed")
    await removePartialUpload(deps, deps.plane, { project, item, attachment });
}

/** Links a confirmed attachment with Groundcrew's own key, on behalf of its agent; false when Plane has removed it. */
async function linkConfirmed(
  deps: TaskDeps,
  key: StoreKey,
  record: StoredValue<UploadRecord>,
  correlation: string,
): Promise<boolean> {
  const { item, agent, attachment } = record.value;
  const task = await findStoredTask(deps, item);
  if (!task || task.item.removedAt !== undefined) return false;
  const systemContext = createCallContext(deps, { name: agent, role: "worker" }, correlation);
  const context: CallContext = { ...systemContext, plane: systemContext.systemPlane, usesOwnKey: false };
  try {
    const { data } = await context.plane.call(attachmentsApi.list, { params: { project: task.project.id, item } });
    if (!data.some(({ id }) => id === attachment)) return false;
    await linkDeliverable(context, task, { stored: record, key });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return false;
    throw thrown;
  }
}
