/**
 * What an agent says of its work: comments, each written once even when the call is repeated; progress on its card; and
 * its timer, started and stopped by hand. A comment quotes the remarks that it answers, and a note that was written
 * since the claim began counts as its summary.
 */

import { z } from "zod";
import { isRunning, readTaskTimes } from "../accounting/time-entries.ts";
import { changeTimes, endEntries, findPause, startEntry } from "../accounting/timer.ts";
import type { StoreDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { formatTemplate, localizeNumber } from "../i18n/localize.ts";
import { type CommentTexts, getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import { findClaim } from "../records/claim-record.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import type { NoteRecord } from "../records/task-records.ts";
import { updateValue } from "../store/records.ts";
import { isOpen } from "../task/snapshot.ts";
import { cleanLine, cleanText } from "../text.ts";
import { DAY, type Ms } from "../time.ts";
import { requireCommenter, requireOwner } from "./access.ts";
import type { CallContext } from "./call-context.ts";
import { type CardRecord, type CardUpdate, queueCardWrite, updateCard } from "./card-record.ts";
import { ensureClaim, renewOwnClaim, throwIfClaimLost } from "./claims.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "./post-comment.ts";
import { type Remark, type RemarksRecord, readRemarks, toRemarksPut } from "./remark-record.ts";
import { readWake } from "./wakes.ts";
import { publishWorkEvent } from "./work-events.ts";

export const newCommentSchema = z.object({
  /** Markdown. */
  text: z.string().min(1).max(20_000),
  kind: z.enum(["progress", "error", "question", "note"]).optional(),
  /** How far the task is. */
  percent: z.number().min(0).max(100).optional(),
  /** Notifies the human at once. */
  critical: z.boolean().optional(),
});

export type NewComment = z.infer<typeof newCommentSchema>;

type ProgressReport = Pick<
  CardUpdate,
  "percent" | "text" | "confidence" | "cost" | "tokens" | "session" | "commit" | "tests"
>;

/** Retention of the mark that a critical comment was announced: 7 days; a later call writes a new comment anyway. */
const ANNOUNCED_MS: Ms = 7 * DAY;

/** Limit of a comment's text on the card and in a message, in UTF-16 units. */
const MAX_LINE_LENGTH = 300;

/** Limit of quoted remarks: 3, the latest. */
const MAX_QUOTES = 3;

/** Limit of a quoted first line in UTF-16 units. */
const MAX_QUOTE_LENGTH = 200;

/** Retention of a note: 90 days, the longest a task may reasonably take. */
const NOTE_MS: Ms = 90 * DAY;

/** Limit of the stored text, in UTF-16 units: more than a message shows of it. */
const MAX_NOTE_LENGTH = 2_000;

/**
 * Writes a comment as the caller (OPENCLAW-05) and returns Plane's id of it. Repeating the call within ten minutes
 * returns the same comment. It quotes what people wrote to the caller and it has not answered yet. Progress is shown on
 * the agent card; a critical comment notifies the human. Allowed for the task's agents, the Concierge and an agent that
 * a person has mentioned there; refused once when the caller has lost its claim since its last call.
 */
export async function addComment(context: CallContext, task: Task, newComment: NewComment): Promise<string> {
  const { deps, caller, correlation } = context;
  const { text, percent, critical = false } = newComment;
  const kind = newComment.kind ?? (percent === undefined ? "note" : "progress");
  // An agent whose task was taken away learns that, instead of whose task it is now.
  await throwIfClaimLost(context, task);
  await requireCommenter(context, task);
  await renewOwnClaim(context, task);
  const answered = kind === "progress" ? [] : await readTakenRemarks(deps, task.id, caller.name);
  const quote = renderQuotes(answered);
  const { comments } = getTexts(deps.settings.locale);
  const html = quote + renderCommentHeading(comments, kind, percent) + (await toCommentHtml(text));
  const idempotencyKey = await getIdempotencyKey(context, "comment", task.id, kind, String(percent ?? ""), text);
  const { id: comment } = await postComment(context, task, `comment:${idempotencyKey}`, html);
  await closeRemarks(deps, task.id, answered);
  if (kind === "note") {
    const value: NoteRecord = { at: await deps.store.now(), text: cleanText(text, MAX_NOTE_LENGTH) };
    await deps.store.commit({ put: [{ key: workKeys.note(caller.name, task.id), value, expires: NOTE_MS }] });
  }
  const holder = (await findClaim(deps, task.id))?.agent ?? caller.name;
  const isOwn =
    holder === caller.name && (task.item.owners ?? []).includes(caller.name) && isOpen(task.item.snapshot.status);
  if (kind === "progress" && isOwn)
    await updateCard(context, task, { text: cleanLine(text, MAX_LINE_LENGTH), ...omitUndefined({ percent }) });
  if (critical) {
    const event = { kind: "critical", comment, agent: caller.name, text: cleanLine(text, MAX_LINE_LENGTH) } as const;
    const record = `critical:${comment}`;
    const put = [{ key: record, value: true, expires: ANNOUNCED_MS }];
    await publishWorkEvent(deps, task, event, correlation, { record, rev: 0, put });
  }
  return comment;
}

/**
 * Reads the remarks on an item that the agent has not answered and that it knows, because a wake named them or the
 * answer to one of its calls did. So a comment that was written before does not quote what it cannot answer.
 */
async function readTakenRemarks(deps: StoreDeps, item: string, agent: string): Promise<Remark[]> {
  const { open } = await readRemarks(deps, item);
  const own = open.filter((remark) => remark.agent === agent);
  if (own.length === 0) return [];
  const { wake } = await readWake(deps, agent);
  const wokenAt = wake.sent?.at ?? 0;
  return own.filter(({ at, isDeferred: held, readAt }) => readAt !== undefined || (!held && at <= wokenAt));
}

/** Renders the first lines of what people wrote, because Plane's API cannot place a comment below another one. */
function renderQuotes(remarks: readonly Remark[]): string {
  const lines = remarks
    .slice(-MAX_QUOTES)
    .map(({ by, text }) => [cleanLine(by, 80), cleanLine(text.split("\n")[0] ?? "", MAX_QUOTE_LENGTH)].map(escapeHtml))
    .map(([by, text]) => `<p><strong>${by}</strong>: ${text}</p>`);
  return lines.length === 0 ? "" : `<blockquote>${lines.join("")}</blockquote>`;
}

/** `Progress: 40%`; nothing for a note without a percentage. */
function renderCommentHeading(
  { headings, percent: template, locale, colon }: CommentTexts,
  kind: NonNullable<NewComment["kind"]>,
  percent: number | undefined,
): string {
  const parts = keepDefined([
    kind === "note" ? undefined : headings[kind],
    percent === undefined ? undefined : formatTemplate(template, { n: localizeNumber(locale, percent) }),
  ]);
  return parts.length === 0 ? "" : `<p><strong>${parts.join(colon)}</strong></p>`;
}

/** Removes answered remarks, so that the next comment does not quote them again. */
async function closeRemarks(deps: StoreDeps, item: string, answered: readonly Remark[]): Promise<void> {
  if (answered.length === 0) return;
  await updateValue<RemarksRecord>(deps, workKeys.remarks(item), (stored) => {
    if (!stored) return undefined;
    const isAnswered = ({ id, agent, at }: Remark) =>
      answered.some((remark) => remark.id === id && remark.agent === agent && remark.at === at);
    return { put: [toRemarksPut(item, { ...stored, open: stored.open.filter((remark) => !isAnswered(remark)) })] };
  });
}

/**
 * Writes an agent's report to the agent card and renews its claim. A closed task can still be reported on, for example
 * its cost, but is not claimed. `until` is the store time at which the claim expires; `spent` is the caller's time on
 * the task in milliseconds.
 */
export async function reportProgress(
  context: CallContext,
  task: Task,
  { percent, text, confidence, cost, tokens, session, commit, tests }: ProgressReport,
): Promise<{ key: string; card: CardRecord; until: number | undefined; spent: number }> {
  if (isOpen(task.item.snapshot.status)) await ensureClaim(context, task);
  else await requireOwner(context, task);
  const clean = (line: string | undefined) => (line && cleanLine(line, MAX_LINE_LENGTH)) || undefined;
  const lines = { text: clean(text), session: clean(session), commit: clean(commit), tests: clean(tests) };
  const card = await updateCard(context, task, omitUndefined({ percent, confidence, cost, tokens, ...lines }));
  const [claim, spent] = await Promise.all([findClaim(context.deps, task.id), readOwnTime(context, task)]);
  return { key: task.key, card, until: claim?.until, spent };
}

/**
 * Starts the caller's timer on a task and claims the task; returns a running timer, with the caller's total time on the
 * task; `already`: it was running before this call. The timer of a task in progress runs by itself: starting it by hand
 * is needed after it was stopped, while a question waits for its answer, and to prepare a task that is not in progress.
 * Throws as `ensureClaim` does.
 */
export async function startTimer(context: CallContext, task: Task) {
  const { deps, caller, correlation } = context;
  const { key, item } = task;
  if (!isOpen(item.snapshot.status))
    throw new GroundcrewError("conflict", `${key} is ${item.snapshot.status}. Timers run only on open tasks.`);
  await ensureClaim(context, task);
  const started = await changeTimes(deps, task, async (times, claim, now) => {
    if (claim.agent !== caller.name) return { result: undefined };
    const running = times.entries.find((entry) => isRunning(entry, claim));
    const next = running && !times.paused ? undefined : startEntry(times, claim, now);
    return { next, result: { since: running?.from ?? now, already: running !== undefined } };
  });
  if (!started) throw new GroundcrewError("conflict", `Your claim on ${key} ended a moment ago. Call again.`);
  await queueCardWrite(deps, task.id, correlation);
  return { key, ...started, spent: await readOwnTime(context, task) };
}

async function readOwnTime({ deps, caller }: CallContext, task: Task): Promise<Ms> {
  return (await readTaskTimes(deps, task.id)).totals[caller.name] ?? 0;
}

/**
 * Stops the caller's timer on its own task, until the caller starts it again, the task is started anew, or another
 * claim begins. A timer whose claim has ended is stopped by that, not by this call. Also returns the entry that was
 * stopped, else the last one; without `to` its claim has ended just now.
 */
export async function stopTimer(context: CallContext, task: Task) {
  const { deps, caller, correlation } = context;
  await requireOwner(context, task);
  await renewOwnClaim(context, task);
  const isStopped = await changeTimes(deps, task, async (times, claim, now) => {
    const running = times.entries.find((entry) => isRunning(entry, claim));
    const isOwn = claim.agent === caller.name && (running || findPause(times, claim)?.reason === "asked");
    if (!isOwn) return { result: false };
    const paused = { agent: caller.name, since: claim.since, reason: "stopped", at: now } as const;
    const next = { ...endEntries(times, (entry) => entry === running, now), paused };
    return { next, result: running !== undefined };
  });
  await queueCardWrite(deps, task.id, correlation);
  const { entries, totals } = await readTaskTimes(deps, task.id);
  const { from, to } = entries.findLast(({ agent }) => agent === caller.name) ?? {};
  return {
    ...{ key: task.key, stopped: isStopped === true, spent: totals[caller.name] ?? 0 },
    ...omitUndefined({ from, to }),
  };
}
