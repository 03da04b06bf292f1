import type { Deps, UpcomingJob } from "../shared/app/deps.ts";
import type { Queue } from "../shared/store/port.ts";
import type { Ms } from "../shared/time.ts";

/** What is due later than this is found by the heartbeat: beside such a wait its second does not count. */
const MAX_ALARM_DELAY: Ms = 5_000;
/** Alarms are set for whole multiples of this, so that many jobs that wait for one moment share one. */
const ALARM_STEP: Ms = 25;
/** The embedded store's clock goes in steps of up to 20 ms: no look comes before a job is due by it. */
const CLOCK_MARGIN: Ms = 20;

/** Wakes a queue when a job of it becomes due, on a host that stays awake. */
export function createQueueAlarm(
  { clock, wait, stopping }: Pick<Deps, "clock" | "wait" | "stopping">,
  wakeQueue: (queue: Queue) => void,
): (due: UpcomingJob) => void {
  const pendingAlarms = new Set<string>();
  return ({ queue, after }) => {
    if (after > MAX_ALARM_DELAY) return;
    const now = clock();
    const at = Math.ceil((now + Math.max(0, after) + CLOCK_MARGIN) / ALARM_STEP) * ALARM_STEP;
    const name = `${queue}:${at}`;
    if (pendingAlarms.has(name)) return;
    pendingAlarms.add(name);
    void wait(at - now, stopping).then(() => {
      pendingAlarms.delete(name);
      wakeQueue(queue);
    });
  };
}
