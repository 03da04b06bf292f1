import { toHtml } from "../markdown/to-html.ts";
import type { KeptAttempt } from "./attempt.ts";
import { escaped } from "./say.ts";

const TITLES = {
  todo: "Given back",
  in_progress: "Started",
  blocked: "Blocked",
  done: "Done",
  cancelled: "Cancelled",
} as const;

/** What a change of status says on the work item: what was done, in the agent's words, and what was reported with it. */
export async function commentOf(attempt: KeptAttempt, reviewBelow: number): Promise<string> {
  const { status, text = "", commit, tests, review, asked = [] } = attempt;
  const title =
    review === undefined
      ? `<p><strong>${TITLES[status]}</strong></p>`
      : `<p><strong>Finished, waiting for review</strong>: confidence ${review}, below ${reviewBelow}</p>`;
  return [
    title,
    text.trim() === "" ? "" : await toHtml(text),
    commit ? `<p>Commit: <code>${escaped(commit)}</code></p>` : "",
    tests ? `<p>Tests: ${escaped(tests)}</p>` : "",
    asked.length > 0 ? `<p>Asked for:</p><ul>${asked.map((one) => `<li>${escaped(one)}</li>`).join("")}</ul>` : "",
  ].join("");
}

/** Starting and finishing say so by themselves; the rest only when there is something to say. */
export function hasComment({ status, text }: KeptAttempt): boolean {
  return status === "in_progress" || status === "done" || Boolean(text?.trim());
}
