/**
 * Comments that agents and people write through Groundcrew, once even when the call is repeated. A comment quotes the
 * remarks that it answers, and a note that was written since the claim began counts as its summary.
 */

import { z } from "zod";
import type { TaskDeps } from "../app/deps.ts";
import { formatTemplate, localizeNumber } from "../i18n/localize.ts";
import { getTexts } from "../i18n/texts.ts";
import { escapeHtml } from "../markdown/plain-text.ts";
import { keepDefined, omitUndefined } from "../omit-undefined.ts";
import type { Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import { findClaim, type NoteRecord } from "../records/task-records.ts";
import { updateValue } from "../store/records.ts";
import { isOpen } from "../task/snapshot.ts";
import { cleanLine, cleanText } from "../text.ts";
import { DAY, type Ms } from "../time.ts";
import { requireCommenter } from "./access.ts";
import type { CallContext } from "./call-context.ts";
import { updateCard } from "./card-record.ts";
import { renewOwnClaim, throwIfClaimLost } from "./claim-lease.ts";
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
 * returns the same comment. It quotes what people wrote to the caller and it has not answered yet. Progress is shown on the agent card; a critical comment notifies the human. Allowed for the
 * task's agents, the Concierge and an agent that a person has mentioned there; refused once when the caller has lost its claim since its last call.
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
  const html = quote + renderCommentHeading(context, kind, percent) + (await toCommentHtml(text));
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
async function readTakenRemarks(deps: Pick<TaskDeps, "store">, item: string, agent: string): Promise<Remark[]> {
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
  { deps }: CallContext,
  kind: NonNullable<NewComment["kind"]>,
  percent: number | undefined,
): string {
  const { comments } = getTexts(deps.settings.locale);
  const parts = keepDefined([
    kind === "note" ? undefined : comments.headings[kind],
    percent === undefined
      ? undefined
      : formatTemplate(comments.percent, { n: localizeNumber(comments.locale, percent) }),
  ]);
  return parts.length === 0 ? "" : `<p><strong>${parts.join(comments.colon)}</strong></p>`;
}

/** Removes answered remarks, so that the next comment does not quote them again. */
async function closeRemarks(deps: Pick<TaskDeps, "store">, item: string, answered: readonly Remark[]): Promise<void> {
  if (answered.length === 0) return;
  await updateValue<RemarksRecord>(deps, workKeys.remarks(item), (stored) => {
    if (!stored) return undefined;
    const isAnswered = ({ id, agent, at }: Remark) =>
      answered.some((remark) => remark.id === id && remark.agent === agent && remark.at === at);
    return { put: [toRemarksPut(item, { ...stored, open: stored.open.filter((remark) => !isAnswered(remark)) })] };
  });
}
