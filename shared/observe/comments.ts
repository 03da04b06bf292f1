import { cleanText } from "../clean-text.ts";
import { sha256Hex } from "../hashing/sha256-hex.ts";
import { htmlToLines, htmlToText } from "../markdown/html-to-text.ts";
import { removeHiddenText } from "../markdown/remove-hidden-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { commentsApi as commentCalls, type PlaneComment } from "../plane/comments.ts";
import { updateValue, type ValueUpdate } from "../store/update.ts";
import type { TaskEvent } from "../task/events.ts";
import { findMentionedUsers } from "../task/mentions.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { decideActions } from "./decide-actions.ts";
import { CONTINUED_READ_WAIT_MS, toReadTime } from "./details-calls.ts";
import { readItemFacts } from "./event-facts.ts";
import type { ObservationSource, ObserveDeps } from "./observe-item.ts";
import { getNewSince } from "./project-record.ts";
import { observedKeys } from "./store-keys.ts";
import type { KeptComments } from "./stored-records.ts";

/**
 * The `external_source` of everything that Groundcrew writes to Plane; such comments cause no events (observation rule
 * 8).
 */
export const GROUNDCREW_SOURCE = "groundcrew";

/** The fields of a comment that both lists and webhooks contain. */
export type ObservedComment = Pick<
  PlaneComment,
  "id" | "comment_html" | "actor" | "external_source" | "created_at" | "updated_at"
>;

/** Events about a comment. */
type CommentEvent = Extract<TaskEvent, { comment: string }>;

const NO_COMMENTS: KeptComments = { known: {} };

/**
 * Reads all comments of an item and stores which were added, edited and deleted. Returns Plane's time before which every
 * change was seen.
 */
export async function readComments(deps: ObserveDeps, item: KeptItem, source: ObservationSource): Promise<string> {
  let readAt = "";
  await updateValue<KeptComments>(deps, observedKeys.comments(item.snapshot.id), async (kept = NO_COMMENTS, rev) => {
    const listed: ObservedComment[] = [];
    const params = { project: item.snapshot.project, item: item.snapshot.id };
    // Only the first page is refused when there is no quota: the others wait for it, so that no page is read twice.
    const waitBudget = { left: 0 };
    const began = await deps.store.now();
    readAt = "";
    for await (const { data, date } of deps.plane.pages(commentCalls.list, { params, priority: "spare", waitBudget })) {
      listed.push(...data.results);
      readAt ||= toReadTime(date, (await deps.store.now()) - began);
      waitBudget.left = CONTINUED_READ_WAIT_MS;
    }
    return prepareComments(deps, item, kept, rev, { listed, isComplete: true }, source, "read");
  });
  return readAt;
}

/**
 * Stores a comment from a webhook. Plane's times of comments do not order their edits, so only an unknown comment is
 * stored as it is, and only when it is newer than the last complete read of the comments. `read` is true when all
 * comments must be read instead.
 */
export async function observeComment(
  deps: ObserveDeps,
  item: KeptItem,
  comment: ObservedComment,
  source: ObservationSource,
): Promise<{ read: boolean }> {
  const key = observedKeys.comments(item.snapshot.id);
  return updateValue<KeptComments, { read: boolean }>(deps, key, async (kept = NO_COMMENTS, rev) => {
    const known = kept.known[comment.id];
    // Groundcrew's own comments cause no events, so an edit of the agent card needs no read.
    const isOurs = comment.external_source === GROUNDCREW_SOURCE;
    if (known !== undefined) return { result: { read: !isOurs && known !== (await hashContent(comment)) } };
    // The last complete read would have seen this comment, so it was deleted before and its webhook is late.
    if (comment.created_at <= (kept.readAt ?? "")) return { result: { read: true } };
    const observation = { listed: [comment], isComplete: false };
    const update = await prepareComments(deps, item, kept, rev, observation, source, "webhook");
    return { ...update, result: { read: false } };
  });
}

interface CommentsObservation {
  listed: ObservedComment[];
  /** Whether the list is complete, so that missing comments count as deleted. */
  isComplete: boolean;
}

/** Prepares the commit of observed comments, with the jobs for their events; undefined when nothing changed. */
async function prepareComments(
  deps: ObserveDeps,
  item: KeptItem,
  kept: KeptComments,
  rev: number,
  observation: CommentsObservation,
  source: ObservationSource,
  via: string,
): Promise<ValueUpdate | undefined> {
  const { updatedAt } = item.snapshot;
  const next: KeptComments = {
    ...kept,
    known: { ...kept.known },
    ...omitUndefined({ readAt: observation.isComplete ? updatedAt : undefined }),
  };
  if (!observation.isComplete)
    for (const { created_at } of observation.listed)
      if (created_at > (next.announcedAt ?? "")) next.announcedAt = created_at;
  const listedById = new Map<string, ObservedComment>();
  const since = getNewSince(source.project);
  const events: CommentEvent[] = [];
  for (const comment of observation.listed) {
    const { id, actor: author } = comment;
    listedById.set(id, comment);
    const before = kept.known[id];
    const hash = await hashContent(comment);
    next.known[id] = hash;
    if (before === hash || comment.external_source === GROUNDCREW_SOURCE) continue;
    if (before === undefined && (kept.readAt !== undefined || comment.created_at >= since)) {
      events.push({ kind: "comment_added", comment: id, author });
    }
    // The first sight of a comment that existed before: only its time shows an edit since the baseline began.
    else if (before === undefined && comment.updated_at >= since)
      events.push({ kind: "comment_edited", comment: id, author });
    if (before) events.push({ kind: "comment_edited", comment: id, author });
  }
  if (observation.isComplete) for (const id of Object.keys(kept.known)) if (!listedById.has(id)) next.known[id] = "";
  if (kept.readAt === next.readAt && JSON.stringify(kept.known) === JSON.stringify(next.known)) return undefined;

  const key = observedKeys.comments(item.snapshot.id);
  const decision = await decideActions(deps, {
    key,
    rev,
    events,
    correlation: source.correlation,
    via,
    facts: async (event) => {
      const comment = await toCommentFacts(event.comment, listedById.get(event.comment));
      return readItemFacts(deps, source.project, item, event, { comment });
    },
  });
  const put = [{ key, value: next }, ...decision.put];
  return { put, jobs: decision.jobs, afterCommit: decision.publish };
}

/** Limit of what an agent is woken with, in characters; it reads the rest in the task's details. */
const REMARK_LENGTH = 1_000;
/** Limit of the HTML that is converted to a remark, in UTF-16 units: 20,000, because tags take most of the room. */
const MAX_REMARK_HTML = 20_000;

/** Only people write comments without an `external_source`: programs that use Plane's API name themselves there. */
async function toCommentFacts(
  id: string,
  comment: ObservedComment | undefined,
): Promise<NonNullable<EventFacts["comment"]>> {
  if (!comment) return { id, text: "" };
  const visible = await removeHiddenText(comment.comment_html);
  const text = htmlToText(visible);
  if (comment.external_source) return { id, text };
  const lines = htmlToLines(visible.slice(0, MAX_REMARK_HTML), REMARK_LENGTH);
  return {
    id,
    text,
    remark: { text: cleanText(lines.join("\n"), REMARK_LENGTH), mentions: findMentionedUsers(visible) },
  };
}

/** Half of a SHA-256 is enough to distinguish versions of one comment, and keeps the stored records small. */
async function hashContent(comment: ObservedComment): Promise<string> {
  return (await sha256Hex(comment.comment_html)).slice(0, 32);
}
