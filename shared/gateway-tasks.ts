import { z } from "zod";

const taskSchema = z.object({
  runtime: z.string(),
  status: z.string(),
  createdAt: z.number(),
  startedAt: z.number().nullish(),
  endedAt: z.number().nullish(),
});

/** The runs of started agents in the answer of `openclaw tasks list --json`. Times are in ms since 1970. */
export const spawnedRunsSchema = z.object({ tasks: z.array(taskSchema) }).transform(({ tasks }) => {
  const spawned = tasks.filter(({ runtime }) => runtime === "subagent");
  return { spawned: spawned.map((run) => ({ ...run, isFailed: /^(?:failed|timed_out|lost)$/.test(run.status) })) };
});
