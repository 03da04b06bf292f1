import type { Deps, Due } from "../shared/deps.ts";
import type { Ms, Queue } from "../shared/store/port.ts";

/** What is due later than this is found by the heartbeat: beside such a wait its second does not count. */
const LONGEST: Ms = 5_000;
/** Alarms are set for whole multiples of this, so that many jobs that wait for one moment share one. */
const STEP: Ms = 25;
/** The embedded store's clock goes in steps of up to 20 ms: no look comes before a job is due by it. */
const LATE: Ms = 20;

/** Wakes a queue when a job of it becomes due, on a host that stays awake. */
export function createAlarm(
  { clock, wait, stopping }: Pick<Deps, "clock" | "wait" | "stopping">,
  ring: (queue: Queue) => void,
): (due: Due) => void {
  const set = new Set<string>();
  return ({ queue, after }) => {
    if (after > LONGEST) return;
    const now = clock();
    const at = Math.ceil((now + Math.max(0, after) + LATE) / STEP) * STEP;
    const name = `${queue}:${at}`;
    if (set.has(name)) return;
    set.add(name);
    void wait(at - now, stopping).then(() => {
      set.delete(name);
      ring(queue);
    });
  };
}
