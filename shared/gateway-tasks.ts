import { z } from "zod";

/** The runs of started agents in the answer of `openclaw tasks list --json`. Times are in ms since 1970. */
export const spawnedRunsSchema = z
  .object({
    tasks: z.array(
      z.object({
        runtime: z.string(),
        status: z.string(),
        createdAt: z.number(),
        startedAt: z.number().nullish(),
        endedAt: z.number().nullish(),
      }),
    ),
  })
  .transform(({ tasks }) => ({
    spawned: tasks.flatMap(({ runtime, status, ...times }) =>
      runtime === "subagent" ? [{ ...times, isFailed: /^(?:failed|timed_out|lost)$/.test(status) }] : [],
    ),
  }));
