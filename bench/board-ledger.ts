import { type Ms, SECOND } from "../shared/time.ts";
import type { Received } from "./board-agents.ts";

/** A person may wait so long until a stop holds. */
export const STOP_LIMIT_MS: Ms = 5 * SECOND;
/** What is written while a task is being closed is read soon afterwards. */
const LATE_LIMIT_MS: Ms = 30 * SECOND;

/** What a person wrote about a task. Each text has a mark of its own, by which it is found again. */
export interface WrittenRemark {
  mark: string;
  item: string;
  /** The item's key. */
  task: string;
  agent: string;
  at: Ms;
  where: "plane" | "mention" | "telegram";
}

/** A stop that a person asked for. */
export interface RequestedStop {
  item: string;
  task: string;
  agent: string;
  at: Ms;
  where: "plane" | "telegram" | "page";
  /** Jobs that waited. */
  pending: number;
  isPlaneAway: boolean;
}

/** What happened outside of the product: in Plane, at the gateway, and in the agents' hands. */
export interface BoardLedger {
  remarks: readonly WrittenRemark[];
  stops: readonly RequestedStop[];
  received: readonly Received[];
  /** Messages that the gateway accepted. */
  wakes: readonly { agent: string; message: string }[];
  /** When Plane closed an item; undefined while it is open. */
  findClosedAt: (item: string) => Ms | undefined;
}

export interface BoardJudgement {
  /** Remarks that their agent had read before Plane closed the task. */
  heard: number;
  /** Remarks that were written while the call that closed the task was under way, and read within 30 s. */
  heardAfterClosing: number;
  /** The others, for people: what was written, where, and what became of it. */
  unheard: string[];
  /** Time from a remark until its agent had it. */
  hearingTimes: Ms[];
  /** Remarks that more than one wake of an agent carried. */
  doubled: string[];
  /** Time from a stop until a call about the task was refused because of it; infinite when none was. */
  stopTimes: Ms[];
  /** Stops of a task that was closed, or that a call which had begun before the stop closed: nothing was left to stop. */
  lateStops: number;
  /** Times of the calls that change a task's status, that were not refused. */
  statusTimes: Ms[];
}

/** Judges by what the simulators and the agents recorded; the product's own records do not count. */
export function judgeBoard(ledger: BoardLedger): BoardJudgement {
  const judged = ledger.remarks.map((remark) => ({ remark, ...judgeRemark(ledger, remark) }));
  const stops = ledger.stops.map((stop) => getStopTime(ledger, stop));
  const times = judged.flatMap(({ heardAt, remark }) => (heardAt === undefined ? [] : [heardAt - remark.at]));
  return {
    heard: judged.filter(({ isLate, problem }) => !isLate && problem === undefined).length,
    heardAfterClosing: judged.filter(({ isLate }) => isLate).length,
    unheard: judged.flatMap(({ problem }) => (problem === undefined ? [] : [problem])),
    hearingTimes: times,
    doubled: ledger.remarks.filter(({ mark, agent }) => countWakes(ledger, mark, agent) > 1).map(({ mark }) => mark),
    stopTimes: stops.filter((time) => time !== undefined),
    lateStops: stops.filter((time) => time === undefined).length,
    statusTimes: ledger.received.flatMap(({ tool, via, took }) =>
      tool === "update_task_status" && via === "answer" && took !== undefined ? [took] : [],
    ),
  };
}

function judgeRemark(
  ledger: BoardLedger,
  { mark, item, task, agent, at, where }: WrittenRemark,
): { heardAt: Ms | undefined; isLate: boolean; problem?: string } {
  const heardAt = ledger.received.find((each) => each.agent === agent && hasMark(each.text, mark))?.at;
  const closedAt = ledger.findClosedAt(item);
  if (heardAt !== undefined && (closedAt === undefined || heardAt <= closedAt)) return { heardAt, isLate: false };
  if (wasClosing(ledger, task, at) && heardAt !== undefined && heardAt - at <= LATE_LIMIT_MS)
    return { heardAt, isLate: true };
  const seconds = (to: Ms | undefined) => (to === undefined ? "never" : `after ${((to - at) / 1_000).toFixed(1)} s`);
  const problem = `${mark} (${where}) was read ${seconds(heardAt)}, the task closed ${seconds(closedAt)}`;
  return { heardAt, isLate: false, problem };
}

/** Whether a call that closed the task was under way at that time. */
function wasClosing({ received }: Pick<BoardLedger, "received">, task: string, at: Ms): boolean {
  const closing = received.find(
    (each) => each.task === task && each.status === "done" && each.via === "answer" && each.at >= at,
  );
  return closing !== undefined && closing.at - (closing.took ?? 0) <= at;
}

function countWakes({ wakes }: BoardLedger, mark: string, agent: string): number {
  return wakes.filter((wake) => wake.agent === agent.toLowerCase() && hasMark(wake.message, mark)).length;
}

/** Marks end with a full stop, so that none begins another one. */
function hasMark(text: string, mark: string): boolean {
  return text.includes(`${mark}.`);
}

function getStopTime(
  { received, findClosedAt }: BoardLedger,
  { item, task, agent, at }: RequestedStop,
): Ms | undefined {
  const refusal = received.find(
    (each) =>
      each.at >= at && each.agent === agent && each.task === task && each.via === "refusal" && /stop/i.test(each.text),
  );
  if (refusal) return Math.max(0, refusal.at - (refusal.took ?? 0) - at);
  const closedAt = findClosedAt(item);
  const isLate = closedAt !== undefined && (closedAt <= at || wasClosing({ received }, task, at));
  return isLate ? undefined : Number.POSITIVE_INFINITY;
}
