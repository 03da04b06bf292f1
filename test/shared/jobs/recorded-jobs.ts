import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Json } from "../../../shared/json.ts";
import { type Job, QUEUES } from "../../../shared/store/job-operations.ts";

const jobsSchema = z.array(
  z.object({ id: z.string(), queue: z.enum(QUEUES), lane: z.string(), body: z.custom<Json>() }),
);

/** Jobs as the version before 0.2.0 wrote them, at least one of each form; recorded from its own rules and builders. */
export const RECORDED_JOBS: readonly Job[] = jobsSchema.parse(
  JSON.parse(readFileSync("test/fixtures/jobs-before-0.2.0.json", "utf8")),
);

export function findRecordedJob(id: string): Job {
  const found = RECORDED_JOBS.find((job) => job.id === id);
  if (!found) throw new Error(`No job ${id} is recorded.`);
  return found;
}
