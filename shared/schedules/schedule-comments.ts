/** A person makes a task recur with a comment: `/every monday 9:00`, in English or French. */

import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { resolveLocale } from "../i18n/localize.ts";
import { explainRefusedWords, findScheduleCommand, parseScheduleCommand } from "../i18n/parse-schedule.ts";
import { getTexts } from "../i18n/texts.ts";
import type { WorkJobBody } from "../jobs/internal-jobs.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { getRefusal, renderRefusal } from "../refusals/render-refusal.ts";
import { createCallContext } from "../tasks/call-context.ts";
import { findStoredTask } from "../tasks/find-task.ts";
import { postComment } from "../tasks/post-comment.ts";
import { createSchedule } from "./change-schedule.ts";

/**
 * Makes a task recur as the comment says. The template's card, which is written with it, confirms that; what cannot be
 * understood or done is answered by a comment.
 */
export async function handleScheduleComment(
  deps: TaskDeps,
  { item, comment, by, text, correlation }: Extract<WorkJobBody, { type: "recur" }>,
): Promise<void> {
  const task = await findStoredTask(deps, item);
  if (!task || task.item.removedAt !== undefined) return;
  const locale = resolveLocale(deps.settings.locale);
  const context = createCallContext(deps, { name: by, role: "human" }, correlation);
  const parsed = parseScheduleCommand(findScheduleCommand(text) ?? text);
  const refusal = "problem" in parsed ? explainRefusedWords(parsed, locale) : await tryToCreate(parsed.cron);
  if (refusal === undefined) return;
  await postComment(context, task, `recur:${comment}`, `<p>${escapeHtml(refusal).replaceAll("\n", "<br>")}</p>`);

  async function tryToCreate(cron: string): Promise<string | undefined> {
    try {
      await createSchedule(context, { task: item }, { cron });
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof GroundcrewError)) throw thrown;
      const found = getRefusal(thrown);
      return (found && renderRefusal(getTexts(locale).telegram, found)) ?? thrown.message;
    }
  }
}
