import { cleanLine } from "../../clean-text.ts";
import { localizeNumber } from "../../i18n/localize.ts";
import { formatTemplate } from "../../i18n/template.ts";
import { getTexts } from "../../i18n/texts/get-texts.ts";
import { keepDefined } from "../../keep-defined.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { isOpen } from "../../task/diff.ts";
import { DAY, type Ms } from "../../time.ts";
import { updateCard } from "../card/card-record.ts";
import { throwIfClaimLost } from "../claims/claim-preconditions.ts";
import { renewOwnClaim } from "../claims/claim-task.ts";
import { findClaim } from "../claims/find-claim.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import { publishWorkEvent } from "../tasks/publish-work-event.ts";
import { requireCommenter } from "../tasks/require-owner.ts";
import { closeRemarks, readTakenRemarks, renderQuotes } from "./answered-remarks.ts";
import { getIdempotencyKey, postComment, toCommentHtml } from "./post-comment.ts";
import { isSummaryNote, type KeptNote, recordNote } from "./summary-note.ts";

export interface NewComment {
  /** Markdown. */
  text: string;
  kind?: "progress" | "error" | "question" | "note" | undefined;
  /** 0 to 100: how far the task is. */
  percent?: number | undefined;
  /** Notifies the human at once. */
  critical?: boolean | undefined;
}

/** Retention of the mark that a critical comment was announced: 7 days; a later call writes a new comment anyway. */
const ANNOUNCED_MS: Ms = 7 * DAY;
/** Limit of a comment's text on the card and in a message, in UTF-16 units. */
const MAX_LINE_LENGTH = 300;

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
  const comment = await postComment(context, task, `comment:${idempotencyKey}`, html);
  await closeRemarks(deps, task.id, answered);
  if (kind === "note") await recordNote(context, task, text);
  const holder = (await findClaim(deps, task.id))?.agent ?? caller.name;
  const isOwn =
    holder === caller.name && (task.item.owners ?? []).includes(caller.name) && isOpen(task.item.snapshot.word);
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

/** Whether the agent has written a note on the item since its claim began; such a note counts as its summary. */
export async function hasSummary(deps: Pick<WorkDeps, "store">, item: string, agent: string): Promise<boolean> {
  const [note] = await deps.store.read<KeptNote>([workKeys.note(agent, item)]);
  if (!note) return false;
  return isSummaryNote(note.value, await findClaim(deps, item), agent);
}
