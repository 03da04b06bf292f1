import type { Job, LeasedJob, Queue, Store } from "../../../../shared/store/port.ts";

/** A job of the outbox. */
export const createJob = (id: string, lane: string, more: Partial<Job> = {}): Job => ({
  id,
  queue: "outbox",
  lane,
  body: { id },
  ...more,
});

export const addJobs = (store: Store, ...jobs: Job[]) => store.commit({ jobs });

export const toIds = (jobs: LeasedJob[]) => jobs.map(({ id }) => id);

/** Takes one job that must be there. */
export async function takeJob(store: Store, ttl = 1000, queue: Queue = "outbox"): Promise<LeasedJob> {
  const [taken] = await store.take(queue, ttl, 1);
  if (!taken) throw new Error("nothing to take");
  return taken;
}
