import { cleanLine } from "../../clean-text.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import { escapeHtml } from "../../markdown/escape-html.ts";
import { htmlToText } from "../../markdown/html-to-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { commentsApi } from "../../plane/comments.ts";
import { PlaneConflictError } from "../../plane/errors.ts";
import { updateValue } from "../../store/update.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { isAgent } from "../context/caller.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { markManaged } from "../tasks/managed-tasks.ts";

/** Retention of an idempotency key: 10 min, within which the same call counts as repeated. */
const REPEAT_MS: Ms = 10 * MINUTE;

/**
 * Writes a comment as the caller and returns Plane's id of it. Repeated calls write one comment, because Plane refuses
 * a second one with the external id `id`. `html` must be safe already.
 */
export async function postComment(context: CallContext, task: Task, id: string, html: string): Promise<string> {
  const { plane, usesOwnKey, caller } = context;
  await markManaged(context, task);
  const params = { project: task.project.id, item: task.id };
  const author = isAgent(caller) && !usesOwnKey ? `<p><strong>${escapeHtml(caller.name)}</strong>:</p>` : "";
  const json = { comment_html: author + html, external_source: GROUNDCREW_SOURCE, external_id: id };
  try {
    const { data } = await plane.call(commentsApi.create, { params, json });
    return data.id;
  } catch (thrown) {
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return thrown.id;
    throw thrown;
  }
}

/**
 * Returns an id for the effect of a call: the same one for a repeated call within ten minutes, a new one later. It is
 * stored before anything is written, so that repeating an interrupted call continues under it.
 */
export async function getIdempotencyKey({ deps, caller }: CallContext, ...parts: string[]): Promise<string> {
  const key = workKeys.said((await sha256Hex(JSON.stringify([caller.name, ...parts]))).slice(0, 32));
  return updateValue<{ id: string }, string>(deps, key, (kept) => {
    if (kept) return { result: kept.id };
    const id = deps.newId();
    return { put: [{ key, value: { id }, expires: REPEAT_MS }], result: id };
  });
}

/** Converts Markdown to HTML for a comment. Throws `bad_request` when the result would show no text. */
export async function toCommentHtml(markdown: string): Promise<string> {
  const html = await toHtml(markdown);
  const isVisible = html.includes("<hr>") || cleanLine(htmlToText(html, html.length), html.length) !== "";
  if (!isVisible)
    throw new GroundcrewError("bad_request", "text is empty. Give a text that is visible when rendered.", {
      refusal: { name: "emptyText" },
    });
  return html;
}
