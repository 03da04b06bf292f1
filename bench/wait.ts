import { z } from "zod";
import type { BenchChild } from "./child.ts";

const statsSchema = z.object({ queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })) });

/** Counts the jobs that wait or run. */
export async function countPendingJobs(product: BenchChild): Promise<number> {
  const { queues } = statsSchema.parse(await product.ask("stats"));
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}

/** Resolves when the product has no job left. */
export async function waitUntilIdle(product: BenchChild): Promise<void> {
  while ((await countPendingJobs(product)) > 0) await sleep(50);
}

export function sleep(length: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, length));
}
