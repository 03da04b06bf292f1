import { GroundcrewError, messageOf } from "../errors.ts";
import { PlaneAuthError, type PlaneError, PlaneInvalidError } from "../plane/errors.ts";
import type { Ms } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import type { Word } from "../task/snapshot.ts";
import { type Acting, actFor } from "./acting.ts";
import { announce } from "./announce.ts";
import { attemptPut, type KeptAttempt } from "./attempt.ts";
import { claimOf, endClaim } from "./claims.ts";
import { keptTask, type Task } from "./find.ts";
import { workKeys } from "./keys.ts";
import { HOUSE } from "./refusals.ts";
import { escaped, say } from "./say.ts";
import { bringTo } from "./states.ts";

type Failure = NonNullable<KeptAttempt["failed"]>;

/** The same failure again within so long is told once. */
const AGAIN_MS: Ms = 3_600_000;

/** Plane has answered, and will answer the same the next time: retrying is of no use (OPENCLAW-15). */
export function isPermanent(thrown: unknown): thrown is PlaneError {
  return thrown instanceof PlaneInvalidError || thrown instanceof PlaneAuthError;
}

/**
 * Plane does not let an agent change a task's status: that is logged and told to the human, the task is blocked with a
 * comment by Groundcrew's own key where that may, and its claim ends. Answers the error for the agent.
 */
export async function failStatus(
  acting: Acting,
  task: Task,
  status: Word,
  thrown: PlaneError,
): Promise<GroundcrewError> {
  const { deps, caller, correlation } = acting;
  const text = `${caller.name} could not set it to ${status}: ${thrown.message}`;
  deps.log.error("a status could not be set", {
    correlation,
    item: task.key,
    agent: caller.name,
    error: thrown.message,
  });
  const failure = await keepFailure(acting, task, status, text);
  const claim = await claimOf(deps, task.id);
  // First, so that being blocked is not taken for a loss.
  if (claim?.agent === caller.name) await endClaim(deps, claim, undefined, correlation);
  const blocked = await block(acting, task, failure);
  return new GroundcrewError(
    thrown instanceof PlaneAuthError ? "forbidden" : "conflict",
    `${task.key}: ${text} ${blocked ? "It is blocked now, and" : "It could not be blocked;"} the human has been told. ` +
      "Do not retry; take another task.",
    { cause: thrown },
  );
}

/** Keeps the failed attempt and tells of it in one commit. */
async function keepFailure(acting: Acting, task: Task, status: Word, text: string): Promise<Failure> {
  const { deps, caller, correlation } = acting;
  const key = workKeys.attempt(task.id);
  for (;;) {
    const [[kept], now] = await Promise.all([deps.store.read<KeptAttempt>([key]), deps.store.now()]);
    const before = kept?.value.failed;
    const again = before?.text === text && now - before.at < AGAIN_MS;
    const failed = again ? before : { text, at: now, id: deps.newId() };
    const attempt: KeptAttempt = {
      item: task.id,
      agent: caller.name,
      status,
      id: failed.id,
      at: now,
      failed,
      over: true,
    };
    if (again) {
      await deps.store.commit({ put: [attemptPut(attempt)] });
      return failed;
    }
    const event = { kind: "failed", agent: caller.name, text } as const;
    const put = [attemptPut(attempt)];
    const told = await announce(deps, task, event, correlation, { record: key, rev: kept?.rev ?? 0, put });
    if (told === "kept") return failed;
  }
}

/** False when Groundcrew's own key is not let either. */
async function block({ deps, correlation }: Acting, given: Task, { id, text }: Failure): Promise<boolean> {
  const house = actFor(deps, { name: HOUSE, role: "human" }, correlation);
  try {
    const task = (await keptTask(deps, given.id)) ?? given;
    const { word } = task.item.snapshot;
    if (isOpen(word)) await bringTo(house, task, "blocked");
    await say(house, task, `failed:${task.id}:${id}`, `<p><strong>Blocked</strong>: ${escaped(text)}</p>`);
    return isOpen(word);
  } catch (thrown) {
    deps.log.warn("a task could not be blocked", { correlation, item: given.key, error: messageOf(thrown) });
    return false;
  }
}
