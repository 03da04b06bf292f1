/**
 * Writes comments to Plane: each once, however often its call is repeated, and in order: the comment on a change of
 * status, which the call leaves to the queue, comes before every later one on the task.
 */

import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import { formatTemplate, localizeNumber } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml, htmlToText, linkToPage } from "../markdown/plain-text.ts";
import { toHtml } from "../markdown/to-html.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { GROUNDCREW_SOURCE, type PlaneCallOptions } from "../plane/endpoint.ts";
import { createOnce } from "../plane/errors.ts";
import { commentsApi } from "../plane/work-items.ts";
import { toCompletePut } from "../procedure/procedure.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import { STATUS_PROCEDURE, type StatusChangeInput, type StatusChangeRecord } from "../records/task-records.ts";
import type { Store } from "../store/port.ts";
import { updateValue } from "../store/records.ts";
import { cleanLine } from "../text.ts";
import { MINUTE, type Ms } from "../time.ts";
import { markManaged } from "./access.ts";
import { type CallContext, createCallContext, isAgent } from "./call-context.ts";

/** Retention of an idempotency key: 10 min, within which the same call counts as repeated. */
const REPEAT_MS: Ms = 10 * MINUTE;

/** What this process does, one after the other for each store and name. */
const turns = new WeakMap<Store, Map<string, Promise<unknown>>>();

/** Runs an action after those of the same name in this process: two at once would not see what the other one does. */
export async function runInTurn<T>(store: Store, name: string, action: () => Promise<T>): Promise<T> {
  const own = turns.get(store) ?? new Map<string, Promise<unknown>>();
  turns.set(store, own);
  const run = Promise.resolve(own.get(name)).then(action, action);
  own.set(name, run);
  return run.finally(() => own.get(name) === run && own.delete(name));
}

/**
 * Writes a comment as the caller and returns Plane's id of it, and Plane's time of it unless an earlier call has
 * written it. Repeated calls write one comment, because Plane refuses a second one with the external id `id`. `html`
 * must be safe already.
 */
export async function postComment(context: CallContext, task: Task, id: string, html: string) {
  // People's words do not wait for an agent's.
  if (isAgent(context.caller)) await postStatusComment(context, task);
  return writeComment(context, task, id, html);
}

async function writeComment(
  context: CallContext,
  task: Task,
  id: string,
  html: string,
  beforeSend?: PlaneCallOptions["beforeSend"],
): Promise<{ id: string; postedAt?: string }> {
  const { plane, usesOwnKey, caller } = context;
  await markManaged(context, task);
  const params = { project: task.project.id, item: task.id };
  const author = isAgent(caller) && !usesOwnKey ? `<p><strong>${escapeHtml(caller.name)}</strong>:</p>` : "";
  const json = { comment_html: author + html, external_source: GROUNDCREW_SOURCE, external_id: id };
  let postedAt: string | undefined;
  const comment = await createOnce(async () => {
    const answer = await plane.call(commentsApi.create, { params, json, ...omitUndefined({ beforeSend }) });
    postedAt = answer.data.created_at;
    return answer;
  });
  return { id: comment, ...omitUndefined({ postedAt }) };
}

/**
 * Returns an id for the effect of a call: the same one for a repeated call within ten minutes, a new one later. It is
 * stored before anything is written, so that repeating an interrupted call continues under it.
 */
export async function getIdempotencyKey({ deps, caller }: CallContext, ...parts: string[]): Promise<string> {
  const key = workKeys.idempotencyKey((await sha256Hex(JSON.stringify([caller.name, ...parts]))).slice(0, 32));
  return updateValue<{ id: string }, string>(deps, key, (stored) => {
    if (stored) return { result: stored.id };
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

/**
 * Writes the comment on the last change of a task's status as its agent, when the queue has not done so yet. What comes
 * next about the task (a comment, another change, whose record replaces this one) does not wait for the queue's turn.
 * Plane's check of external ids is not atomic, so two never write it side by side: in this process the second one waits
 * for the first, and another process looks again right before its turn at Plane, a second later.
 */
export async function postStatusComment({ deps, correlation }: CallContext, task: Task): Promise<void> {
  await runInTurn(deps.store, task.id, () => writeStatusComment(deps, task, correlation));
}

async function writeStatusComment(deps: TaskDeps, task: Task, correlation: string): Promise<void> {
  const key = workKeys.procedure(STATUS_PROCEDURE.name, task.id);
  const [stored] = await deps.store.read<StatusChangeRecord>([key]);
  if (stored?.value.queuedStep === undefined) return;
  const { id, input } = stored.value;
  const html = await renderStatusComment(deps, input);
  if (html !== undefined) {
    const kind = input.review === undefined ? input.status : "review";
    const context = createAuthorContext(deps, input.agent, correlation);
    let isWritten = false;
    const requireUnwritten = async () => {
      const [current] = await deps.store.read([key]);
      isWritten = current?.rev !== stored.rev;
      if (isWritten) throw new GroundcrewError("conflict", `The comment on ${task.key} has been written.`);
    };
    await writeComment(context, task, `${kind}:${task.id}:${id}`, html, requireUnwritten).catch((thrown: unknown) => {
      if (!isWritten) throw thrown;
    });
    if (isWritten) return;
  }
  const put = [toCompletePut(STATUS_PROCEDURE, stored.value, await deps.store.now())];
  await deps.store.commit({ expect: [[key, stored.rev]], put });
}

/** The context in which the queue completes a change of status: that of its agent, or of a person. */
export function createAuthorContext(deps: TaskDeps, name: string, correlation: string): CallContext {
  const agent = deps.settings.agents.find((one) => one.name === name);
  return createCallContext(deps, { name, role: agent ? (agent.role ?? "worker") : "human" }, correlation);
}

/**
 * Renders the comment on a change of status, as HTML: the agent's summary, and the commit and tests it reported.
 * Starting and finishing always get one; other changes only with a text of the agent.
 */
async function renderStatusComment({ settings }: TaskDeps, input: StatusChangeInput): Promise<string | undefined> {
  const { comments } = getTexts(settings.locale);
  const { status, text = "", commit, tests, review, criteria: requirements = [] } = input;
  if (status !== "in_progress" && status !== "done" && text.trim() === "") return undefined;
  const title =
    review === undefined
      ? `<strong>${comments.statuses[status]}</strong>`
      : linkToPage(
          settings.publicUrl,
          "/inbox",
          formatTemplate(comments.review, {
            confidence: localizeNumber(comments.locale, review),
            threshold: localizeNumber(comments.locale, settings.done.review_below),
          }),
        );
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
