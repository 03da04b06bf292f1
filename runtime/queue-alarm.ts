import type { Deps, UpcomingJob } from "../shared/app/deps.ts";
import type { Queue } from "../shared/store/job-operations.ts";
import type { Ms } from "../shared/time.ts";

/** Limit of an alarm's delay: 5 s. Later jobs are found by the heartbeat; compared to their delay its second is small. */
const MAX_ALARM_DELAY: Ms = 5_000;
/** Alarms are set for multiples of this step, so that jobs that are due at nearly the same time share one alarm. */
const ALARM_STEP: Ms = 25;
/** Delay added to each alarm: the embedded store's clock advances in steps of up to 20 ms, and an early alarm finds no job. */
const CLOCK_MARGIN: Ms = 20;

/** Creates a function that wakes a queue when one of its jobs becomes due, on a host that stays awake. */
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
