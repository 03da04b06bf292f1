import { formatTemplate } from "../../i18n/template.ts";
import type { CommentTexts } from "../../i18n/texts/comment-texts.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import type { BlockCauses } from "./block-causes.ts";
import type { KeptStuck } from "./block-state.ts";

export function renderBlockedComment(
  { settings }: WorkDeps,
  blocker: Task | undefined,
  cause: BlockCauses[string],
): string {
  const { comments } = getTexts(settings.locale);
  return `<p>${formatTemplate(comments.blockedByTask[cause], { blocker: renderTaskName(comments, blocker) })}</p>`;
}

export async function renderReleasedComment(deps: WorkDeps, stuck: KeptStuck): Promise<string> {
  const { comments } = getTexts(deps.settings.locale);
  const blockers = await Promise.all(Object.keys(stuck.for).map((id) => findKeptTask(deps, id)));
  const names = blockers.map((blocker) => {
    const name = renderTaskName(comments, blocker);
    return blocker?.item.snapshot.word === "done" ? formatTemplate(comments.doneTask, { task: name }) : name;
  });
  return `<p>${formatTemplate(comments.unblocked, { blockers: names.join(", ") })}</p>`;
}

function renderTaskName({ deletedTask }: Pick<CommentTexts, "deletedTask">, task: Task | undefined): string {
  if (!task) return deletedTask;
  return `<strong>${escapeHtml(task.key)}</strong> ${escapeHtml(task.item.snapshot.name)}`;
}
