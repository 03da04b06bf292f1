import { sha256Hex } from "../digest.ts";
import { type Comment, comments as commentCalls } from "../plane/comments.ts";
import type { TaskEvent } from "../task/events.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { decide } from "./act.ts";
import { itemFacts } from "./facts.ts";
import type { ObserveDeps, Source } from "./item.ts";
import type { KeptComments } from "./kept.ts";
import { keys } from "./keys.ts";
import { plainText } from "./plain-text.ts";
import { newSince } from "./projects.ts";

/** What we write into Plane carries this as `external_source`; it is known and says nothing to anyone (rule 8). */
export const OUR_SOURCE = "groundcrew";

/** A comment as lists and webhooks tell it. */
export type SeenComment = Pick<Comment, "id" | "comment_html" | "actor" | "external_source" | "created_at">;

const NONE: KeptComments = { known: {} };

/** Reads all comments of an item and takes them over: added, edited and gone ones. */
export async function readComments(deps: ObserveDeps, item: KeptItem, source: Source): Promise<void> {
  for (;;) {
    const [kept] = await deps.store.read<KeptComments>([keys.comments(item.snapshot.id)]);
    const listed: SeenComment[] = [];
    const params = { project: item.snapshot.project, item: item.snapshot.id };
    for await (const { data } of deps.plane.pages(commentCalls.list, { params, priority: "spare" }))
      listed.push(...data.results);
    const result = await take(deps, item, kept?.value ?? NONE, kept?.rev ?? 0, { listed, whole: true }, source, "read");
    if (result !== "stale") return;
  }
}

/**
 * Takes one comment over from a webhook. Comments' times are not compared, so only an unknown one is taken as it is,
 * and only when it is younger than the last complete read of the comments; true when the comments are to be read.
 */
export async function observeComment(
  deps: ObserveDeps,
  item: KeptItem,
  comment: SeenComment,
  source: Source,
): Promise<{ read: boolean }> {
  for (;;) {
    const [kept] = await deps.store.read<KeptComments>([keys.comments(item.snapshot.id)]);
    const known = kept?.value.known[comment.id];
    // Ours say nothing to anyone, so an agent card's next edit is not worth a read.
    const ours = comment.external_source === OUR_SOURCE;
    if (known !== undefined) return { read: !ours && known !== (await hashOf(comment)) };
    // The last complete read would have seen it: it was deleted before, and its webhook comes late.
    if (comment.created_at <= (kept?.value.readAt ?? "")) return { read: true };
    const seen = { listed: [comment], whole: false };
    const result = await take(deps, item, kept?.value ?? NONE, kept?.rev ?? 0, seen, source, "webhook");
    if (result !== "stale") return { read: false };
  }
}

interface SeenComments {
  listed: SeenComment[];
  /** The complete list: what it lacks is gone. */
  whole: boolean;
}

async function take(
  deps: ObserveDeps,
  item: KeptItem,
  kept: KeptComments,
  rev: number,
  seen: SeenComments,
  source: Source,
  via: string,
): Promise<"kept" | "stale" | "same"> {
  const { updatedAt } = item.snapshot;
  const next: KeptComments = { ...kept, known: { ...kept.known }, ...(seen.whole && { readAt: updatedAt }) };
  const found = new Map<string, SeenComment>();
  const since = seen.whole ? newSince(source.project) : source.project.began;
  const events: TaskEvent[] = [];
  for (const comment of seen.listed) {
    const { id, actor: author } = comment;
    found.set(id, comment);
    const before = kept.known[id];
    const hash = await hashOf(comment);
    next.known[id] = hash;
    if (before === hash || comment.external_source === OUR_SOURCE) continue;
    if (before === undefined && (kept.readAt !== undefined || comment.created_at >= since)) {
      events.push({ kind: "comment_added", comment: id, author });
    }
    if (before) events.push({ kind: "comment_edited", comment: id, author });
  }
  if (seen.whole) for (const id of Object.keys(kept.known)) if (!found.has(id)) next.known[id] = "";
  if (kept.readAt === next.readAt && JSON.stringify(kept.known) === JSON.stringify(next.known)) return "same";

  const key = keys.comments(item.snapshot.id);
  const decision = await decide(deps, {
    key,
    rev,
    events,
    correlation: source.correlation,
    via,
    facts: (event) => {
      const task = event as Extract<TaskEvent, { comment: string }>;
      const text = plainText(found.get(task.comment)?.comment_html ?? "");
      return itemFacts(deps, source.project, item, task, { comment: { id: task.comment, text } });
    },
  });
  const put = [{ key, value: next }, ...decision.put];
  const result = await deps.store.commit({ expect: [[key, rev]], put, jobs: decision.jobs });
  if (result !== "kept") return "stale";
  decision.tell();
  return "kept";
}

/** Half of a SHA-256 tells two contents of one comment apart. */
async function hashOf(comment: SeenComment): Promise<string> {
  return (await sha256Hex(comment.comment_html)).slice(0, 32);
}
