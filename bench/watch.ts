import { z } from "zod";
import type { Child } from "./child.ts";

const stats = z.object({ queues: z.record(z.string(), z.object({ pending: z.number(), dead: z.number() })) });

/** How many jobs wait or are at work. */
export async function pendingOf(product: Child): Promise<number> {
  const { queues } = stats.parse(await product.ask("stats"));
  return Object.values(queues).reduce((sum, { pending }) => sum + pending, 0);
}

/** Resolves when it has worked everything. */
export async function quiet(product: Child): Promise<void> {
  while ((await pendingOf(product)) > 0) await pause(50);
}

export function pause(length: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, length));
}
