import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";

export type TicketTasks = ReturnType<typeof createTicketTasks>;

/** Runs at most one task for each ticket at a time, so that a slow hook of one ticket delays no other. */
export function createTicketTasks(log: Log) {
  const running = new Map<string, Promise<void>>();
  return {
    isBusy: (ticket: string) => running.has(ticket),
    /** Starts a task unless one of this ticket is running. A failure is logged; the next look or answer tries again. */
    run(ticket: string, task: () => Promise<unknown> | undefined) {
      if (running.has(ticket)) return;
      const run = async () => {
        try {
          await task();
        } catch (thrown) {
          log.warn("task failed", { ticket, reason: getErrorMessage(thrown) });
        } finally {
          running.delete(ticket);
        }
      };
      const done = Promise.withResolvers<void>();
      running.set(ticket, done.promise);
      void run().then(done.resolve);
    },
    waitUntilIdle: async () => void (await Promise.all(running.values())),
  };
}
