import { GroundcrewError } from "../errors.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import type { Ms } from "../store/port.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type Acting, actFor, type WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import { queueCard } from "./card.ts";
import { claimUnder, isHeld } from "./claim-lease.ts";
import { isPermanent } from "./failing.ts";
import { keptTask, readNow, type Task } from "./find.ts";
import type { WorkBody } from "./jobs.ts";
import { workKeys } from "./keys.ts";
import { HOUSE, iso, type KeptLoss } from "./refusals.ts";
import { escaped, say } from "./say.ts";
import { bringTo } from "./states.ts";
import { stopTimersOf } from "./time.ts";

type Ended = Extract<WorkBody, { do: "ended" }>;

/** As long as the work on one job may take: meanwhile nobody claims the task that is put back. */
const GUARD_MS: Ms = 120_000;

/** What was done about an end is remembered for so long. */
const KEPT_MS: Ms = 7 * 86_400_000;

/**
 * What follows from the end of a claim: timers stop and the card says so; a task whose agent fell silent goes back to
 * todo with a comment; who lost a claim and why is told to people. Each once, however often it is begun.
 */
export async function endedClaim(deps: WorkDeps, ended: Ended): Promise<void> {
  const { item, agent, fence, at, since, why, correlation } = ended;
  await stopTimersOf(deps, item, agent, at, fence);
  await queueCard(deps, item, correlation);
  const task = why && (await keptTask(deps, item));
  if (!task || (why === "expired" && !isWanting(task.item))) return;
  const now = why === "expired" ? await putBack(deps, task, ended) : task;
  const record = workKeys.ended(item, fence);
  const put = [{ key: record, value: { at }, expires: KEPT_MS }];
  await announce(deps, now, { kind: "claim_lost", agent, why, since: iso(since) }, correlation, {
    record,
    rev: 0,
    put,
  });
}

/** An end by silence matters only where somebody should have been at it: not to what is over, blocked or in review. */
function isWanting({ gone, review, snapshot: { word } }: KeptItem): boolean {
  return gone === undefined && !review && (word === "todo" || word === "in_progress");
}

/** Brings the task back to todo while nobody can claim it; leaves it alone when somebody has. */
async function putBack(deps: WorkDeps, task: Task, ended: Ended): Promise<Task> {
  const key = workKeys.claim(task.id);
  const lease = await deps.store.lease(key, HOUSE, GUARD_MS);
  if (!("fence" in lease)) return task;
  try {
    const acting = guarded(actFor(deps, { name: HOUSE, role: "human" }, ended.correlation), task, lease);
    await readNow(acting, task);
    const now = (await keptTask(deps, task.id)) ?? task;
    if (now.item.snapshot.word !== "in_progress" || !isWanting(now.item)) return now;
    const back = await bringTo(acting, now, "todo");
    await say(acting, back, `expired:${task.id}:${ended.fence}`, textOf(ended));
    return back;
  } catch (thrown) {
    const gone = thrown instanceof GroundcrewError && thrown.code === "not_found";
    if (gone || thrown instanceof PlaneNotFoundError) return task;
    if (!isPermanent(thrown)) throw thrown;
    // Plane will not let it be done: then people have to, and they are told all the same.
    const { correlation } = ended;
    deps.log.warn("a task could not be put back", { correlation, item: task.key, error: thrown.message });
    return (await keptTask(deps, task.id)) ?? task;
  } finally {
    await deps.store.release(key, lease.fence);
  }
}

/** The same hands, which begin no request once the lease is over. */
function guarded(acting: Acting, task: Task, lease: { fence: number; until: Ms }): Acting {
  const { deps, plane } = acting;
  const guard = claimUnder(task, HOUSE, lease);
  async function prove() {
    if (!(await isHeld(deps, guard)))
      throw new GroundcrewError("conflict", `${task.key} could not be put back to todo in time. It is tried again.`);
  }
  return {
    ...acting,
    plane: {
      ...plane,
      call: (endpoint, given) =>
        plane.call(endpoint, {
          ...given,
          async before() {
            await prove();
            await given?.before?.();
          },
        }),
    },
  };
}

function textOf({ agent, since, at }: { agent: string } & Pick<KeptLoss, "since" | "at">): string {
  return (
    `<p><strong>${escaped(agent)}</strong> held this task from ${iso(since)} to ${iso(at)} and then fell silent for ` +
    "15 minutes: its claim ran out. The task is back in todo.</p>"
  );
}
