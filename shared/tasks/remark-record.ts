/**
 * What people wrote about a task to its agents, until each has answered: what an agent has not read yet, how often it
 * may be woken, and the words that stop the work.
 */

import type { StoreDeps } from "../app/deps.ts";
import { workKeys } from "../records/store-keys.ts";
import type { Put } from "../store/port.ts";
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
  /** Store time at which the answer to a call of the agent contained it. */
  readAt?: Ms;
}

/** The stored remarks about an item. All times are store times. */
export interface RemarksRecord {
  /** The unanswered remarks, oldest first. */
  open: Remark[];
  /** The hash of the last text of each remark, so that an edit wakes once. */
  textHashes: Record<string, string>;
  /** The wakes of the last hour, by agent. */
  wakes: Record<string, Ms[]>;
  /** The last mention of each agent by a person: it may read the task and comment on it. */
  mentioned: Record<string, Ms>;
}

export const NO_REMARKS: RemarksRecord = { open: [], textHashes: {}, wakes: {}, mentioned: {} };

/** Limit of wakes by remarks about one task for one agent: 10 an hour, a lively conversation. Each costs a model run. */
const WAKES_PER_HOUR = 10;

/** Limit of stored remarks about an item: the newest 20, and 100 that are not read yet. */
const MAX_OPEN = 20;
const MAX_UNREAD = 100;

const MAX_SEEN = 100;

/** Time for which a mentioned agent may read a task of others and comment on it: 7 days after the last mention. */
const MENTION_MS: Ms = 7 * DAY;

/** Retention of the remarks about an item: 30 days after the last one. */
const REMARKS_MS: Ms = 30 * DAY;

/** Words that alone stop the work, without accents and in lower case. */
const STOP_WORDS: ReadonlySet<string> = new Set(["stop", "arrete", "arretez"]);

/** What separates the word from a reason. */
const STOP_REASON = /\n|:\s|\s[–—-]+\s/u;

/** Accents, and what may surround the word: spaces, punctuation and quotation marks. */
const IGNORED = /\p{M}|^[\s\p{P}]+|[\s\p{P}]+$/gu;

export async function readRemarks(deps: StoreDeps, item: string): Promise<RemarksRecord> {
  const [stored] = await deps.store.read<RemarksRecord>([workKeys.remarks(item)]);
  return stored?.value ?? NO_REMARKS;
}

/** Whether a person has mentioned the agent in this item lately, so that it may read the item and comment on it. */
export async function isMentioned(deps: StoreDeps, item: string, agent: string): Promise<boolean> {
  const at = (await readRemarks(deps, item)).mentioned[agent];
  return at !== undefined && (await deps.store.now()) - at < MENTION_MS;
}

/** What an agent, or any agent, has not read yet, oldest first. */
export function listUnread({ open }: RemarksRecord, agent?: string): Remark[] {
  return open.filter((remark) => remark.readAt === undefined && (agent === undefined || remark.agent === agent));
}

/** Reads how many remarks about each of these items the agent, or any agent, has not read yet, in order. */
export async function countUnread({ store }: StoreDeps, items: readonly string[], agent?: string): Promise<number[]> {
  const records = await store.read<RemarksRecord>(items.map(workKeys.remarks));
  return records.map((stored) => (stored ? listUnread(stored.value, agent).length : 0));
}

export function toRemarksPut(item: string, remarks: RemarksRecord): Put {
  const textHashes = Object.fromEntries(Object.entries(remarks.textHashes).slice(-MAX_SEEN));
  const kept = new Set([...remarks.open.slice(-MAX_OPEN), ...listUnread(remarks).slice(-MAX_UNREAD)]);
  const value: RemarksRecord = { ...remarks, open: remarks.open.filter((remark) => kept.has(remark)), textHashes };
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

/**
 * Whether a text is `stop` or `arrête`, in any case, with or without accents and punctuation, alone or before a reason:
 * `stop: wrong customer`, `Stop – we need it in French`, or a reason on the next line.
 */
export function isStopWord(text: string): boolean {
  const [word = ""] = text.trim().split(STOP_REASON, 1);
  return word.length <= 40 && STOP_WORDS.has(word.normalize("NFD").replace(IGNORED, "").toLowerCase());
}
