import { schedulesTick } from "../../functions/schedules.ts";
import { createHttpTestApp } from "../support/http-test-app.ts";

type Options = NonNullable<Parameters<typeof createHttpTestApp>[0]>;

export const BACKUP_CHECK = { name: "backup-check", cron: "0 9 * * *", project: "ONB", title: "Check {date}" };

/** The product with recurring work, on simulated time that begins on Saturday, 21 November 2026, 8:00 in UTC. */
export async function createSchedulesApp({ config = {}, ...options }: Options = {}) {
  const app = await createHttpTestApp({
    ...options,
    config: { schedules: [BACKUP_CHECK], ...config },
    parts: { ticks: [schedulesTick], ...options.parts },
  });
  await app.runFirstPoll();

  return Object.assign(app, {
    send: (method: string, path: string, body?: unknown) => app.call(path, body, method),
    /** Sets the clock, without running anything. */
    setTime(time: string) {
      app.advance(Date.parse(time) - app.time.now);
    },
    /** Runs the tick as the clock of a host does, and what follows from it. */
    async runTick() {
      const counts = await schedulesTick.run(app.deps);
      await app.drain();
      return counts;
    },
    /** The schedules as `GET /api/schedules` lists them. */
    list: async () => (await app.read("/api/schedules")).schedules,
    /** Sets the clock and runs the tick, for each of these times of November 2026, as `22T09:00:05`. */
    async runAt(...times: string[]) {
      for (const time of times) {
        app.time.now = Math.max(app.time.now, Date.parse(`2026-11-${time}Z`));
        app.plane.runWorker();
        await schedulesTick.run(app.deps);
        await app.drain();
      }
    },
    /** The titles in the order of their creation. */
    readTitles: () => app.plane.items(app.onb).map(({ name }) => name),
    /** The items with the names of their states, labels and assignees, in the order of their creation. */
    readItems: () => app.plane.items(app.onb).map((item) => app.readPlaneItem(item)),
  });
}
