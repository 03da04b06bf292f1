import { localizeNumber } from "../../i18n/localize.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { toHtml } from "../../markdown/to-html.ts";
import type { WorkDeps } from "../context/call-context.ts";
import type { KeptStatusAttempt } from "./status-attempt.ts";

/**
 * Renders the comment for a change of status, as HTML: the agent's summary, and the commit and tests it reported.
 */
export async function renderStatusComment(
  { settings }: Pick<WorkDeps, "settings">,
  attempt: KeptStatusAttempt,
): Promise<string> {
  const { comments } = getTexts(settings.locale);
  const { status, text = "", commit, tests, review, asked: requirements = [] } = attempt;
  const title =
    review === undefined
      ? `<strong>${comments.statuses[status]}</strong>`
      : formatTemplate(comments.review, {
          confidence: localizeNumber(comments.locale, review),
          threshold: localizeNumber(comments.locale, settings.done.review_below),
        });
  return [
    `<p>${title}</p>`,
    text.trim() === "" ? "" : await toHtml(text),
    commit ? `<p>${formatTemplate(comments.commit, { commit: `<code>${escapeHtml(commit)}</code>` })}</p>` : "",
    tests ? `<p>${formatTemplate(comments.tests, { tests: escapeHtml(tests) })}</p>` : "",
    requirements.length > 0
      ? `<p>${comments.criteria}</p><ul>${requirements.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`
      : "",
  ].join("");
}

/** Starting and finishing always get a comment; other changes only with a text of the agent. */
export function needsStatusComment({ status, text }: KeptStatusAttempt): boolean {
  return status === "in_progress" || status === "done" || Boolean(text?.trim());
}
