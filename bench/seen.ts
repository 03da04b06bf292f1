import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { z } from "zod";

const row = z.object({ id: z.string() });

/** The ids of all webhooks a store has ever kept, looked up beside the product's own code, once it is gone. */
export async function seenIn(store: string): Promise<Set<string>> {
  return store.startsWith("file:") ? ofFile(store.slice("file:".length)) : ofRedis(store);
}

function ofFile(folder: string): Set<string> {
  const database = new DatabaseSync(`${folder}/groundcrew.db`);
  try {
    const found = ["job", "done", "dead"].flatMap((table) =>
      database.prepare(`SELECT id FROM ${table} WHERE queue = 'inbox'`).all(),
    );
    return new Set(found.map((one) => row.parse(one).id));
  } finally {
    database.close();
  }
}

async function ofRedis(url: string): Promise<Set<string>> {
  const redis = new Redis(url);
  const [jobs, done] = ["groundcrew:j:inbox:", "inbox:"];
  try {
    const seen = new Set<string>();
    for await (const keys of redis.scanStream({ match: `${jobs}*`, count: 1000 }))
      for (const key of z.array(z.string()).parse(keys)) seen.add(key.slice(jobs.length));
    for (const id of await redis.zrange("groundcrew:d", 0, -1))
      if (id.startsWith(done)) seen.add(id.slice(done.length));
    return seen;
  } finally {
    redis.disconnect();
  }
}
