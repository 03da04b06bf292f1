import { cleanLine } from "../../clean-text.ts";
import { localizeNumber } from "../../i18n/localize.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { keepDefined } from "../../keep-defined.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { isOpen } from "../../task/diff.ts";
import { DAY, type Ms } from "../../time.ts";
import { updateCard } from "../card/card-record.ts";
import { findClaim, renewOwnClaim, throwIfClaimLost } from "../claims/claims.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { requireOwnerOrConcierge } from "../tasks/require-owner.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "./post-comment.ts";

export interface NewComment {
  /** Markdown. */
  text: string;
  kind?: "progress" | "error" | "question" | "note" | undefined;
  /** 0 to 100: how far the task is. */
  percent?: number | undefined;
  /** The human is told at once. */
  critical?: boolean | undefined;
}

/** When an agent last wrote a note on an item: store time. */
interface KeptNote {
  at: Ms;
}

/** A note counts for as long as a task may reasonably take. */
const NOTE_MS: Ms = 90 * DAY;
/** A comment is announced once; a call repeated later than this is another comment anyway. */
const ANNOUNCED_MS: Ms = 7 * DAY;
/** A line on the card, and what a message shows of a comment, in UTF-16 units. */
const LINE = 300;

/**
 * Writes a comment as the caller (OPENCLAW-05); the same call within ten minutes is the same comment. Progress shows
 * on the agent card; a critical one is told to the human. For the task's agents and the Concierge; refused once when the
 * caller lost its claim since its last call. Answers Plane's id.
 */
export async function addComment(context: CallContext, task: Task, newComment: NewComment): Promise<string> {
  const { deps, caller, correlation } = context;
  const { text, percent, critical = false } = newComment;
  const kind = newComment.kind ?? (percent === undefined ? "note" : "progress");
  await requireOwnerOrConcierge(context, task);
  await throwIfClaimLost(context, task);
  await renewOwnClaim(context, task);
  const html = renderCommentHeading(context, kind, percent) + (await toCommentHtml(text));
  const idempotencyKey = await getIdempotencyKey(context, "comment", task.id, kind, String(percent ?? ""), text);
  const comment = await postComment(context, task, `comment:${idempotencyKey}`, html);
  if (kind === "note") await recordNote(context, task);
  const holder = (await findClaim(deps, task.id))?.agent ?? caller.name;
  const isOwn =
    holder === caller.name && (task.item.owners ?? []).includes(caller.name) && isOpen(task.item.snapshot.word);
  if (kind === "progress" && isOwn)
    await updateCard(context, task, { text: cleanLine(text, LINE), ...omitUndefined({ percent }) });
  if (critical) {
    const event = { kind: "critical", comment, agent: caller.name, text: cleanLine(text, LINE) } as const;
    const record = `critical:${comment}`;
    const put = [{ key: record, value: true, expires: ANNOUNCED_MS }];
    await publishWorkEvent(deps, task, event, correlation, { record, rev: 0, put });
  }
  return comment;
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

/** Whether the agent has written a note on the item since its claim began: a summary of what it did. */
export async function hasSummary(deps: Pick<WorkDeps, "store">, item: string, agent: string): Promise<boolean> {
  const [note] = await deps.store.read<KeptNote>([workKeys.note(agent, item)]);
  if (!note) return false;
  const claim = await findClaim(deps, item);
  return claim?.agent !== agent || note.value.at >= claim.since;
}

async function recordNote({ deps, caller }: CallContext, task: Task): Promise<void> {
  const value: KeptNote = { at: await deps.store.now() };
  await deps.store.commit({ put: [{ key: workKeys.note(caller.name, task.id), value, expires: NOTE_MS }] });
}
