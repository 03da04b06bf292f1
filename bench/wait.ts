import { z } from "zod";
import type { BenchChild } from "./child.ts";

const statsSchema = z.object({ queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })) });

/** How many jobs wait or are at work. */
export async function countPendingJobs(product: BenchChild): Promise<number> {
  const { queues } = statsSchema.parse(await product.ask("stats"));
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}

/** Resolves when it has worked everything. */
export async function waitUntilIdle(product: BenchChild): Promise<void> {
  while ((await countPendingJobs(product)) > 0) await sleep(50);
}

export function sleep(length: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, length));
}
