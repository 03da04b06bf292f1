import type { Put } from "../../store/port.ts";
import { updateValue } from "../../store/update.ts";
import { DAY, HOUR, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";

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
  held?: true;
}

/** The stored remarks about an item. All times are store times. */
export interface KeptRemarks {
  /** The unanswered remarks, oldest first. */
  open: Remark[];
  /** The hash of the last text of each remark, so that an edit wakes once. */
  seen: Record<string, string>;
  /** The wakes of the last hour, by agent. */
  wakes: Record<string, Ms[]>;
  /** When an agent last read the task's details. */
  read: Record<string, Ms>;
  /** The last mention of each agent by a person: it may read the task and comment on it. */
  mentioned: Record<string, Ms>;
}

export const NO_REMARKS: KeptRemarks = { open: [], seen: {}, wakes: {}, read: {}, mentioned: {} };

/** Limit of wakes by remarks about one task for one agent: 10 an hour, a lively conversation. Each costs a model run. */
export const WAKES_PER_HOUR = 10;

/** Limits that keep the record small. */
const MAX_OPEN = 20;
const MAX_SEEN = 100;

/** Time for which a mentioned agent may read a task of others and comment on it: 7 days after the last mention. */
const MENTION_MS: Ms = 7 * DAY;

/** Retention of the remarks about an item: 30 days after the last one. */
const REMARKS_MS: Ms = 30 * DAY;

export async function readRemarks(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptRemarks> {
  const [kept] = await deps.store.read<KeptRemarks>([workKeys.remarks(item)]);
  return kept?.value ?? NO_REMARKS;
}

export function toRemarksPut(item: string, remarks: KeptRemarks): Put {
  const seen = Object.fromEntries(Object.entries(remarks.seen).slice(-MAX_SEEN));
  const value: KeptRemarks = { ...remarks, open: remarks.open.slice(-MAX_OPEN), seen };
  return { key: workKeys.remarks(item), value, expires: REMARKS_MS };
}

/** Whether a person has mentioned the agent in this item lately, so that it may read the item and comment on it. */
export async function isMentioned(deps: Pick<WorkDeps, "store">, item: string, agent: string): Promise<boolean> {
  const at = (await readRemarks(deps, item)).mentioned[agent];
  return at !== undefined && (await deps.store.now()) - at < MENTION_MS;
}

/** Records that the agent has read the task's details at this store time, when people have written to it there. */
export async function recordRemarksRead(
  deps: Pick<WorkDeps, "store">,
  item: string,
  agent: string,
  at: Ms,
): Promise<void> {
  await updateValue<KeptRemarks>(deps, workKeys.remarks(item), (kept) => {
    const isUnread = kept?.open.some((remark) => remark.agent === agent && remark.at > (kept.read[agent] ?? 0));
    return kept && isUnread
      ? { put: [toRemarksPut(item, { ...kept, read: { ...kept.read, [agent]: at } })] }
      : undefined;
  });
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
