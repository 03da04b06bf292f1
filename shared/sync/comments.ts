/**
 * Comments of an item: all of them are read and compared with the stored ones, a webhook's comment only when it is
 * unknown. What Groundcrew wrote itself causes no events; what people wrote is passed on in the same commit.
 */

import type { SyncDeps, WrittenRemark } from "../app/deps.ts";
import { sha256Hex } from "../hashing.ts";
import { removeHiddenText } from "../markdown/hidden-text.ts";
import { htmlToLines, htmlToText } from "../markdown/plain-text.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { findPerson } from "../people/directory.ts";
import { GROUNDCREW_SOURCE } from "../plane/endpoint.ts";
import { PlaneError } from "../plane/errors.ts";
import { commentsApi, type PlaneComment } from "../plane/work-items.ts";
import { type CommentsRecord, getNewSince } from "../records/plane-records.ts";
import { observedKeys } from "../records/store-keys.ts";
import { mergeUpdates, updateValue, type ValueUpdate } from "../store/records.ts";
import type { TaskEvent } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { cleanText } from "../text.ts";
import { type ObservationSource, prepareChange, readItemFacts } from "./event-facts.ts";
import { findMentionedUsers } from "./observe-item.ts";
import { readSpareList, toReadTime } from "./spare-reads.ts";

/** The fields of a comment that both lists and webhooks contain. */
type ObservedComment = Pick<
  PlaneComment,
  "id" | "comment_html" | "actor" | "external_source" | "created_at" | "updated_at"
>;

/** Events about a comment. */
type CommentEvent = Extract<TaskEvent, { comment: string }>;

const NO_COMMENTS: CommentsRecord = { known: {} };

/** Limit of what an agent is woken with, in characters; it reads the rest in the task's details. */
const REMARK_LENGTH = 1_000;

/** Limit of the HTML that is converted to a remark, in UTF-16 units: 20,000, because tags take most of the room. */
const MAX_REMARK_HTML = 20_000;

/**
 * Reads all comments of an item and stores which were added, edited and deleted. Returns Plane's time before which
 * every change was seen.
 */
export async function readComments(deps: SyncDeps, item: ItemRecord, source: ObservationSource): Promise<string> {
  const { id, project } = item.snapshot;
  let latest: { rev: number; rows: ObservedComment[]; readAt: string } | undefined;
  await updateValue<CommentsRecord>(deps, observedKeys.comments(id), async (stored = NO_COMMENTS, rev) => {
    // When only the agents' records have changed meanwhile, what was read still counts.
    if (latest?.rev !== rev) {
      const began = await deps.store.now();
      const { rows, date } = await readSpareList(deps.plane, commentsApi.list, { project, item: id });
      latest = { rev, rows, readAt: toReadTime(date, (await deps.store.now()) - began) };
    }
    return prepareComments(deps, item, stored, rev, latest.rows, source, "read");
  });
  return latest?.readAt ?? "";
}

/**
 * Prepares the commit of observed comments, with the jobs for their events; undefined when nothing changed. The
 * comments of a read are complete, so that missing ones count as deleted.
 */
async function prepareComments(
  deps: SyncDeps,
  item: ItemRecord,
  stored: CommentsRecord,
  rev: number,
  listed: readonly ObservedComment[],
  source: ObservationSource,
  via: "read" | "webhook",
): Promise<ValueUpdate | undefined> {
  const isComplete = via === "read";
  const next: CommentsRecord = {
    ...stored,
    known: { ...stored.known },
    ...omitUndefined({ readAt: isComplete ? item.snapshot.updatedAt : undefined }),
  };
  if (!isComplete)
    for (const { created_at } of listed) if (created_at > (next.announcedAt ?? "")) next.announcedAt = created_at;
  const listedById = new Map<string, ObservedComment>();
  const since = getNewSince(source.project);
  const events: CommentEvent[] = [];
  for (const comment of listed) {
    const { id, actor: author } = comment;
    listedById.set(id, comment);
    const before = stored.known[id];
    const hash = await hashContent(comment);
    next.known[id] = hash;
    if (before === hash || comment.external_source === GROUNDCREW_SOURCE) continue;
    const isNew = before === undefined && (stored.readAt !== undefined || comment.created_at >= since);
    // At the first sight of a comment that existed before, only its time shows an edit since the baseline began.
    const isEdited = before === undefined ? comment.updated_at >= since : before !== "";
    if (isNew || isEdited) events.push({ kind: isNew ? "comment_added" : "comment_edited", comment: id, author });
  }
  if (isComplete) for (const id of Object.keys(stored.known)) if (!listedById.has(id)) next.known[id] = "";
  if (stored.readAt === next.readAt && JSON.stringify(stored.known) === JSON.stringify(next.known)) return undefined;

  const key = observedKeys.comments(item.snapshot.id);
  const { correlation } = source;
  const facts = new Map<CommentEvent, EventFacts>();
  const written: WrittenRemark[] = [];
  for (const event of events) {
    const comment = listedById.get(event.comment);
    const eventFacts = await readCommentFacts(deps, item, event, comment, source, via);
    facts.set(event, eventFacts);
    if (comment && !eventFacts.actor?.isAgent) written.push(await toWrittenRemark(deps, event, comment, eventFacts));
  }
  const change = await prepareChange(deps, {
    key,
    rev,
    events,
    correlation,
    via,
    put: [{ key, value: next }],
    facts: async (event) => facts.get(event) ?? { at: item.snapshot.updatedAt },
  });
  // In the same commit, so that an agent that finishes meanwhile learns of it as well.
  return written.length === 0
    ? change
    : mergeUpdates([change, await deps.prepareRemarks(item.snapshot.id, written, correlation)]);
}

/**
 * Reads the facts about a comment. A webhook names its author, and what is unknown besides is left out, so that
 * people's words wait for no request to Plane; a read may make one, and does without while Plane refuses it.
 */
async function readCommentFacts(
  deps: SyncDeps,
  item: ItemRecord,
  event: CommentEvent,
  observed: ObservedComment | undefined,
  { project }: ObservationSource,
  via: "read" | "webhook",
): Promise<EventFacts> {
  const comment = await toCommentFacts(event.comment, observed);
  const readWithKnownNames = () => {
    const knowing = { ...deps, usesKnownNames: true };
    return readItemFacts(knowing, project, item, event, { comment });
  };
  if (via === "webhook") return readWithKnownNames();
  return readItemFacts(deps, project, item, event, { comment }).catch((thrown: unknown) => {
    if (thrown instanceof PlaneError) return readWithKnownNames();
    throw thrown;
  });
}

/** An unknown author counts as a person, so that no word of one is missed. */
async function toWrittenRemark(
  deps: SyncDeps,
  { kind }: CommentEvent,
  { id, actor: author, created_at, updated_at, comment_html: html }: ObservedComment,
  { actor, comment: facts }: EventFacts,
): Promise<WrittenRemark> {
  const isNew = kind === "comment_added";
  const person = author === null ? undefined : await findPerson(deps, { id: author });
  return {
    id,
    by: actor?.name ?? "?",
    author: actor?.id ?? null,
    text: "",
    mentions: [],
    ...(facts?.remark ?? { isByProgram: true }),
    ...(person?.role === "guest" ? { isByGuest: true } : {}),
    at: Date.parse(isNew ? created_at : updated_at),
    ...(isNew ? { comment: { html, createdAt: created_at } } : {}),
  };
}

/** Half of a SHA-256 is enough to distinguish versions of one comment, and keeps the stored records small. */
async function hashContent(comment: ObservedComment): Promise<string> {
  return (await sha256Hex(comment.comment_html)).slice(0, 32);
}

/** Only people write comments without an `external_source`: programs that use Plane's API name themselves there. */
async function toCommentFacts(id: string, comment: ObservedComment | undefined) {
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

/**
 * Stores a comment from a webhook. Plane's times of comments do not order their edits, so only an unknown comment is
 * stored as it is, and only when it is newer than the last complete read of the comments. `read` is true when all
 * comments must be read instead.
 */
export async function observeComment(
  deps: SyncDeps,
  item: ItemRecord,
  comment: ObservedComment,
  source: ObservationSource,
): Promise<{ read: boolean }> {
  const key = observedKeys.comments(item.snapshot.id);
  return updateValue<CommentsRecord, { read: boolean }>(deps, key, async (stored = NO_COMMENTS, rev) => {
    const known = stored.known[comment.id];
    // Groundcrew's own comments cause no events, so an edit of the agent card needs no read.
    const isOurs = comment.external_source === GROUNDCREW_SOURCE;
    if (known !== undefined) return { result: { read: !isOurs && known !== (await hashContent(comment)) } };
    // The last complete read would have seen this comment, so it was deleted before and its webhook is late.
    if (comment.created_at <= (stored.readAt ?? "")) return { result: { read: true } };
    const update = await prepareComments(deps, item, stored, rev, [comment], source, "webhook");
    return { ...update, result: { read: false } };
  });
}
