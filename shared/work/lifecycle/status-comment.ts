import { escapeHtml } from "../../markdown/escape-html.ts";
import { toHtml } from "../../markdown/to-html.ts";
import type { KeptStatusAttempt } from "./status-attempt.ts";

const TITLES = {
  todo: "Given back",
  in_progress: "Started",
  blocked: "Blocked",
  done: "Done",
  cancelled: "Cancelled",
} as const;

/**
 * What a change of status says on the work item: what was done, in the agent's words, and what was reported with it.
 */
export async function renderStatusComment(attempt: KeptStatusAttempt, reviewBelow: number): Promise<string> {
  const { status, text = "", commit, tests, review, asked: requirements = [] } = attempt;
  const title =
    review === undefined
      ? `<p><strong>${TITLES[status]}</strong></p>`
      : `<p><strong>Finished, waiting for review</strong>: confidence ${review}, below ${reviewBelow}</p>`;
  return [
    title,
    text.trim() === "" ? "" : await toHtml(text),
    commit ? `<p>Commit: <code>${escapeHtml(commit)}</code></p>` : "",
    tests ? `<p>Tests: ${escapeHtml(tests)}</p>` : "",
    requirements.length > 0
      ? `<p>Asked for:</p><ul>${requirements.map((one) => `<li>${escapeHtml(one)}</li>`).join("")}</ul>`
      : "",
  ].join("");
}

/** Starting and finishing say so by themselves; the rest only when there is something to say. */
export function needsStatusComment({ status, text }: KeptStatusAttempt): boolean {
  return status === "in_progress" || status === "done" || Boolean(text?.trim());
}
