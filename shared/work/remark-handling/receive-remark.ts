import { cleanLine, cleanText } from "../../clean-text.ts";
import { sha256Hex } from "../../hashing/sha256-hex.ts";
import type { WorkJobBody } from "../../jobs/work-jobs.ts";
import { createWorkJob } from "../../jobs/work-jobs.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import type { Job } from "../../store/job-operations.ts";
import { updateValue } from "../../store/update.ts";
import type { WorkEvent } from "../../task/events.ts";
import type { Ms } from "../../time.ts";
import { prepareReceipt } from "../card/card-record.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import {
  getNextWakeTime,
  type KeptRemarks,
  listRecentWakes,
  NO_REMARKS,
  type Remark,
  toRemarksPut,
} from "../remarks/remark-record.ts";
import { findKeptTask, type Task } from "../tasks/find-task.ts";
import { isManaged } from "../tasks/managed-tasks.ts";
import { prepareWorkEvents } from "../tasks/publish-work-event.ts";

type RemarkJob = Extract<WorkJobBody, { do: "remark" }>;

/** Limit of a remark in UTF-16 units; the agent reads the rest in the task's details. */
const MAX_TEXT = 1_000;

/** The longest time until the card is due after a remark: 5 s. */
const RECEIPT_MS: Ms = 5_000;

/** The agents that a remark is for, and those of them that it mentions. */
interface Recipients {
  agents: readonly string[];
  mentioned: readonly string[];
}

/**
 * Stores a person's remark, wakes its recipients within the limit, and shows the receipt on the card, in one commit. A
 * remark whose text has been received already changes nothing.
 */
export async function receiveRemark(
  deps: WorkDeps,
  task: Task,
  { remark: id, by, text, mentions, correlation }: RemarkJob,
  { agents, mentioned }: Recipients,
): Promise<void> {
  const record = workKeys.remarks(task.id);
  const hash = (await sha256Hex(JSON.stringify([text, [...mentions].sort()]))).slice(0, 16);
  const words = cleanText(text, MAX_TEXT);
  // People's own tasks from before are only read until an agent works on them.
  const hasCard = await isManaged(deps, task);
  await updateValue<KeptRemarks>(deps, record, async (kept = NO_REMARKS, rev) => {
    if (kept.seen[id] === hash) return undefined;
    const now = await deps.store.now();
    const next: KeptRemarks = { ...kept, seen: { ...without(kept.seen, id), [id]: hash } };
    const events: WorkEvent[] = [];
    const jobs: Job[] = [];
    let later: Ms | undefined;
    for (const agent of agents) {
      const wakeAt = getNextWakeTime(next.wakes[agent], now);
      const isHeld = wakeAt > now;
      const remark: Remark = { id, agent, by, text: words, at: now, ...(isHeld ? { held: true as const } : {}) };
      next.open = [...next.open.filter((other) => other.id !== id || other.agent !== agent), remark];
      if (mentioned.includes(agent)) next.mentioned = { ...next.mentioned, [agent]: now };
      if (isHeld) {
        later = Math.max(later ?? 0, wakeAt);
        jobs.push(createHeldRemarksJob(task.id, agent, wakeAt, correlation));
        deps.log.warn("limit of wakes by remarks reached", { correlation, item: task.key, agent });
      } else {
        next.wakes = { ...next.wakes, [agent]: [...listRecentWakes(next.wakes[agent] ?? [], now), now] };
        events.push({ kind: "addressed", agent, remark: id, by, text: toWakeText(remark) });
      }
    }
    const receipt = { by, text: words, at: now, ...omitUndefined({ later }) };
    const card = hasCard ? await prepareReceipt(deps, task.id, receipt, correlation) : undefined;
    const update = await prepareWorkEvents(deps, task, events, correlation, {
      record,
      rev,
      put: [toRemarksPut(task.id, next), ...(card?.put ?? [])],
      jobs: [...jobs, ...(card?.jobs ?? [])],
    });
    const afterCommit = async () => {
      await update.afterCommit?.();
      deps.kick({ queue: "work", after: RECEIPT_MS });
    };
    return { ...update, ...omitUndefined({ expect: card?.expect }), afterCommit };
  });
}

/** Wakes an agent for the remarks that were over the limit, all at once, unless it has answered them. */
export async function wakeForHeldRemarks(
  deps: WorkDeps,
  { item, agent, correlation }: { item: string; agent: string; correlation: string },
): Promise<void> {
  const task = await findKeptTask(deps, item);
  if (!task || task.item.gone !== undefined) return;
  const record = workKeys.remarks(task.id);
  await updateValue<KeptRemarks>(deps, record, async (kept = NO_REMARKS, rev) => {
    const held = kept.open.filter((remark) => remark.agent === agent && remark.held);
    const [first] = held;
    if (!first) return undefined;
    const now = await deps.store.now();
    const open = kept.open.map(({ held: isHeld, ...remark }) =>
      isHeld && remark.agent !== agent ? { ...remark, held: isHeld } : remark,
    );
    const wakes = { ...kept.wakes, [agent]: [...listRecentWakes(kept.wakes[agent] ?? [], now), now] };
    const text = held.map(toWakeText).join("\n");
    const event: WorkEvent = { kind: "addressed", agent, remark: first.id, by: first.by, text };
    const put = [toRemarksPut(task.id, { ...kept, open, wakes })];
    return prepareWorkEvents(deps, task, [event], correlation, { record, rev, put });
  });
}

/** One line, so that several remarks remain apart in one wake. */
function toWakeText({ by, text }: Pick<Remark, "by" | "text">): string {
  return `${cleanLine(by, 80)}: ${cleanLine(text, MAX_TEXT)}`;
}

/** All remarks that are held until the same time share a job. */
function createHeldRemarksJob(item: string, agent: string, at: Ms, correlation: string): Job {
  const id = `remarks:${item}:${encodeURIComponent(agent)}:${at}`;
  return createWorkJob(id, id, { do: "held_remarks", item, agent, correlation }, at);
}

function without<T>(record: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([other]) => other !== name));
}
