/**
 * What people wrote about a task to its agents, until each has answered; how often it may wake an agent; and the words
 * that stop the work.
 */

import type { TaskDeps } from "../app/deps.ts";
import { workKeys } from "../records/store-keys.ts";
import type { Put } from "../store/port.ts";
import { updateValue } from "../store/records.ts";
import { DAY, HOUR, type Ms } from "../time.ts";

/** What a person wrote about an item to one agent, until the agent answers. */
export interface Remark {
  /** Identifies what was written: the id of the comment in Plane, or of the update in Telegram. */
  id: string;
  agent: string;
  by: string;
  text: string;
  /** Store time at which it was received. */
  at: Ms;
  /** It was over the limit: the agent is woken for it later. */
  isDeferred?: true;
}

/** The stored remarks about an item. All times are store times. */
export interface RemarksRecord {
  /** The unanswered remarks, oldest first. */
  open: Remark[];
  /** The hash of the last text of each remark, so that an edit wakes once. */
  textHashes: Record<string, string>;
  /** The wakes of the last hour, by agent. */
  wakes: Record<string, Ms[]>;
  /** When an agent last read the task's details. */
  read: Record<string, Ms>;
  /** The last mention of each agent by a person: it may read the task and comment on it. */
  mentioned: Record<string, Ms>;
}

export const NO_REMARKS: RemarksRecord = { open: [], textHashes: {}, wakes: {}, read: {}, mentioned: {} };

/** Limit of wakes by remarks about one task for one agent: 10 an hour, a lively conversation. Each costs a model run. */
const WAKES_PER_HOUR = 10;

/** Limits that keep the record small. */
const MAX_OPEN = 20;

const MAX_SEEN = 100;

/** Time for which a mentioned agent may read a task of others and comment on it: 7 days after the last mention. */
const MENTION_MS: Ms = 7 * DAY;

/** Retention of the remarks about an item: 30 days after the last one. */
const REMARKS_MS: Ms = 30 * DAY;

/** Words that alone stop the work, without accents and in lower case. */
const STOP_WORDS: ReadonlySet<string> = new Set(["stop", "arrete", "arretez"]);

/** Accents, and what may surround the word: spaces, punctuation and quotation marks. */
const IGNORED = /\p{M}|^[\s\p{P}]+|[\s\p{P}]+$/gu;

export async function readRemarks(deps: Pick<TaskDeps, "store">, item: string): Promise<RemarksRecord> {
  const [stored] = await deps.store.read<RemarksRecord>([workKeys.remarks(item)]);
  return stored?.value ?? NO_REMARKS;
}

/** Whether a person has mentioned the agent in this item lately, so that it may read the item and comment on it. */
export async function isMentioned(deps: Pick<TaskDeps, "store">, item: string, agent: string): Promise<boolean> {
  const at = (await readRemarks(deps, item)).mentioned[agent];
  return at !== undefined && (await deps.store.now()) - at < MENTION_MS;
}

/** Records that the agent has read the task's details at this store time, when people have written to it there. */
export async function recordRemarksRead(
  deps: Pick<TaskDeps, "store">,
  item: string,
  agent: string,
  at: Ms,
): Promise<void> {
  await updateValue<RemarksRecord>(deps, workKeys.remarks(item), (stored) => {
    const isUnread = stored?.open.some((remark) => remark.agent === agent && remark.at > (stored.read[agent] ?? 0));
    return stored && isUnread
      ? { put: [toRemarksPut(item, { ...stored, read: { ...stored.read, [agent]: at } })] }
      : undefined;
  });
}

export function toRemarksPut(item: string, remarks: RemarksRecord): Put {
  const seen = Object.fromEntries(Object.entries(remarks.textHashes).slice(-MAX_SEEN));
  const value: RemarksRecord = { ...remarks, open: remarks.open.slice(-MAX_OPEN), textHashes: seen };
  return { key: workKeys.remarks(item), value, expires: REMARKS_MS };
}

/** When the agent may be woken again by remarks about the task: now, or when the first wake is more than an hour ago. */
export function getNextWakeTime(wakes: readonly Ms[] = [], now: Ms): Ms {
  const recent = listRecentWakes(wakes, now);
  return recent.length < WAKES_PER_HOUR ? now : (recent.at(-WAKES_PER_HOUR) ?? now) + HOUR;
}

/** The wakes of the last hour. A time in the future, after the store's clock was set back, does not count. */
export function listRecentWakes(wakes: readonly Ms[], now: Ms): Ms[] {
  return wakes.filter((at) => at <= now && now - at < HOUR);
}

/** Whether a text is only `stop` or `arrête`, in any case, with or without accents and punctuation. */
export function isStopWord(text: string): boolean {
  if (text.length > 40) return false;
  return STOP_WORDS.has(text.normalize("NFD").replace(IGNORED, "").toLowerCase());
}
