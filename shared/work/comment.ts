import { cleaned } from "../clean.ts";
import type { Ms } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import type { Acting, WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import { noteOnCard } from "./card.ts";
import { claimOf, renewIfHeld, sayLoss } from "./claims.ts";
import type { Task } from "./find.ts";
import { workKeys } from "./keys.ts";
import { mustBeMineOrPlanned } from "./owner.ts";
import { htmlOf, onceId, say } from "./say.ts";

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

/** What a comment begins with, by its kind. */
const HEADS = { progress: "Progress", error: "Error", question: "Question", note: "" } as const;

/** A note counts for as long as a task may reasonably take. */
const NOTE_MS: Ms = 90 * 86_400_000;
/** A comment is announced once; a call repeated later than this is another comment anyway. */
const ANNOUNCED_MS: Ms = 7 * 86_400_000;
/** A line on the card, and what a message shows of a comment, in UTF-16 units. */
const LINE = 300;

/**
 * Writes a comment as the caller (OPENCLAW-05); the same call within ten minutes is the same comment. Progress shows
 * on the agent card; a critical one is told to the human. For the task's agents and the Concierge; refused once when the
 * caller lost its claim since its last call. Answers Plane's id.
 */
export async function addComment(acting: Acting, task: Task, given: NewComment): Promise<string> {
  const { deps, caller, correlation } = acting;
  const { text, percent, critical = false } = given;
  const kind = given.kind ?? (percent === undefined ? "note" : "progress");
  await mustBeMineOrPlanned(acting, task);
  await sayLoss(acting, task);
  await renewIfHeld(acting, task);
  const head = [HEADS[kind], ...(percent === undefined ? [] : [`${percent}%`])]
    .filter((part) => part !== "")
    .join(": ");
  const html = (head === "" ? "" : `<p><strong>${head}</strong></p>`) + (await htmlOf(text));
  const once = await onceId(acting, "comment", task.id, kind, String(percent ?? ""), text);
  const comment = await say(acting, task, `comment:${once}`, html);
  if (kind === "note") await noteWritten(acting, task);
  const holder = (await claimOf(deps, task.id))?.agent ?? caller.name;
  const mine =
    holder === caller.name && (task.item.owners ?? []).includes(caller.name) && isOpen(task.item.snapshot.word);
  if (kind === "progress" && mine)
    await noteOnCard(acting, task, { text: cleaned(text, LINE), ...(percent !== undefined && { percent }) });
  if (critical) {
    const event = { kind: "critical", comment, agent: caller.name, text: cleaned(text, LINE) } as const;
    const record = `critical:${comment}`;
    const put = [{ key: record, value: true, expires: ANNOUNCED_MS }];
    await announce(deps, task, event, correlation, { record, rev: 0, put });
  }
  return comment;
}

/** Whether the agent has written a note on the item since its claim began: a summary of what it did. */
export async function hasSummary(deps: Pick<WorkDeps, "store">, item: string, agent: string): Promise<boolean> {
  const [note] = await deps.store.read<KeptNote>([workKeys.note(agent, item)]);
  if (!note) return false;
  const claim = await claimOf(deps, item);
  return claim?.agent !== agent || note.value.at >= claim.since;
}

async function noteWritten({ deps, caller }: Acting, task: Task): Promise<void> {
  const value: KeptNote = { at: await deps.store.now() };
  await deps.store.commit({ put: [{ key: workKeys.note(caller.name, task.id), value, expires: NOTE_MS }] });
}
