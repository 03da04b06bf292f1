import { localizeFileSize } from "../../i18n/localize.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { StoredValue, StoreKey } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import { postComment } from "../comments/post-comment.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { formatAttachmentUrl } from "./attachment-url.ts";
import { type KeptUpload, saveUploadStep } from "./upload-record.ts";

/** The deliverables of an item that were uploaded through Groundcrew. */
export interface KeptDeliverables {
  files: { name: string; size: number; attachment: string }[];
}

/**
 * Links a confirmed attachment in a comment, records it as a deliverable of the item and completes the upload under
 * this key. Idempotent. `text` is Markdown.
 */
export async function linkDeliverable(
  context: CallContext,
  task: Task,
  { kept, key, sha256 }: { kept: StoredValue<KeptUpload>; key: StoreKey; sha256?: string | undefined },
  text?: string,
): Promise<void> {
  const { name, size, attachment = "" } = kept.value;
  await postComment(
    context,
    task,
    `deliverable-${attachment}`,
    await renderDeliverableComment(context, task, kept.value, text),
  );
  const listKey = workKeys.delivered(task.id);
  await updateValue<KeptDeliverables>(context.deps, listKey, (current) => {
    const files = current?.files.filter((file) => file.attachment !== attachment) ?? [];
    const value: KeptDeliverables = { files: [...files, { name, size, attachment }] };
    return { put: [{ key: listKey, value }] };
  });
  await saveUploadStep(context, key, kept, { ...kept.value, step: "linked", ...omitUndefined({ sha256 }) });
}

/** Links to the file. A link to the work item would only lead to the page on which the comment is. */
async function renderDeliverableComment(
  { deps }: CallContext,
  task: Task,
  { name, size, attachment = "" }: KeptUpload,
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
