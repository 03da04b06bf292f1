import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { z } from "zod";

const idRowSchema = z.object({ id: z.string() });

/**
 * Reads the ids of all webhooks a store has received. It bypasses the product's code and runs when the product has
 * ended.
 */
export async function readStoredWebhookIds(store: string): Promise<Set<string>> {
  return store.startsWith("file:") ? readFileIds(store.slice("file:".length)) : readRedisIds(store);
}

function readFileIds(folder: string): Set<string> {
  const database = new DatabaseSync(`${folder}/groundcrew.db`);
  try {
    const rows = ["job", "done", "dead"].flatMap((table) =>
      database.prepare(`SELECT id FROM ${table} WHERE queue = 'inbox'`).all(),
    );
    return new Set(rows.map((row) => idRowSchema.parse(row).id));
  } finally {
    database.close();
  }
}

async function readRedisIds(url: string): Promise<Set<string>> {
  const redis = new Redis(url);
  const [jobPrefix, donePrefix] = ["groundcrew:j:inbox:", "inbox:"];
  try {
    const ids = new Set<string>();
    for await (const keys of redis.scanStream({ match: `${jobPrefix}*`, count: 1000 }))
      for (const key of z.array(z.string()).parse(keys)) ids.add(key.slice(jobPrefix.length));
    for (const id of await redis.zrange("groundcrew:d", 0, -1))
      if (id.startsWith(donePrefix)) ids.add(id.slice(donePrefix.length));
    return ids;
  } finally {
    redis.disconnect();
  }
}
