import type { Job, Leased, Queue, Store } from "../../../../shared/store/port.ts";

/** A job of the outbox. */
export const job = (id: string, lane: string, more: Partial<Job> = {}): Job => ({
  id,
  queue: "outbox",
  lane,
  body: { id },
  ...more,
});

export const add = (store: Store, ...jobs: Job[]) => store.commit({ jobs });

export const idsOf = (jobs: Leased[]) => jobs.map(({ id }) => id);

/** Takes one job that must be there. */
export async function takeOne(store: Store, ttl = 1000, queue: Queue = "outbox"): Promise<Leased> {
  const [taken] = await store.take(queue, ttl, 1);
  if (!taken) throw new Error("nothing to take");
  return taken;
}
