import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { createManifest } from "../../functions/create-manifest.ts";
import { connectRedisStore } from "../../runtime/stores/redis/redis-store.ts";
import { createMemoryStore, createSqliteStore } from "../../runtime/stores/sqlite-store.ts";
import { STORE_FILE_NAME } from "../../runtime/stores/store-file.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createPump } from "../../shared/app/pump.ts";
import { inboxBodySchema, updateBodySchema } from "../../shared/jobs/incoming-jobs.ts";
import { observeBodySchema } from "../../shared/jobs/observe-jobs.ts";
import { forwardBodySchema, outboxBodySchema } from "../../shared/jobs/outgoing-jobs.ts";
import { wakeBodySchema } from "../../shared/jobs/wake-jobs.ts";
import { workJobBodySchema } from "../../shared/jobs/work-jobs.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { Json } from "../../shared/omit-undefined.ts";
import { type Job, QUEUES, type Queue, type Store } from "../../shared/store/port.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";

const clock = () => Date.UTC(2026, 0, 5, 8);

/** The kinds of jobs of each queue, as the first fields of their bodies. */
const KINDS: Record<Queue, readonly { [field: string]: string }[]> = {
  inbox: [{ type: inboxBodySchema.shape.type.value }],
  forward: [{ type: forwardBodySchema.shape.type.value }],
  observe: observeBodySchema.options.flatMap(({ shape }) => [...shape.type.values].map((type) => ({ type }))),
  work: workJobBodySchema.options.map(({ shape }) => ({ type: shape.type.value })),
  outbox: outboxBodySchema.options.map(({ shape }) => ({ type: shape.type.value })),
  wake: wakeBodySchema.options.map(({ shape }) => ({ type: shape.type.value })),
  updates: updateBodySchema.options.map(({ shape }) => ({ type: shape.type.value })),
  people: [{ type: "plane_webhook" }, { type: "telegram_update" }, { type: "page_input" }],
  posts: [{ type: "post_remark" }, { type: "answer" }, { type: "claim_ended" }],
};

/** Handles the due jobs once with the product's handlers, which get nothing that a readable job would need. */
async function handleDueJobs(store: Store): Promise<void> {
  const log = createLog({ level: "error", write: () => {}, clock });
  const deps: Partial<Deps> = { store, log, metrics: noMetrics, clock, notify: () => {} };
  await createPump(deps as Deps, createManifest().jobHandlers).drain();
}

const toJob = (queue: Queue, body: Json): Job => ({
  id: JSON.stringify(body),
  queue,
  lane: JSON.stringify(body),
  body,
});

test.each(QUEUES)(
  "reliability 5: jobs of the queue %s whose body has an unknown form become dead letters at the first try",
  async (queue) => {
    const store = createMemoryStore({ clock });
    const bodies: Json[] = [...KINDS[queue], { type: "newer" }, {}, [], null, 7, "text"];
    await store.commit({ jobs: bodies.map((body) => toJob(queue, body)) });
    await handleDueJobs(store);
    const dead = await store.listDeadJobs(queue);
    expect(dead.map(({ body }) => body)).toEqual(expect.arrayContaining(bodies));
    expect(dead).toHaveLength(bodies.length);
    for (const { reason } of dead) expect(reason).toMatch(/^This version cannot read the stored job \(.+: .+\)\./);
  },
);

/** Opens a store in a file; `damage` makes the stored bodies of its jobs invalid JSON while it is closed. */
async function openSqlite() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-unreadable-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return {
    open: async () => createSqliteStore({ folder, clock }),
    async damage() {
      const database = new DatabaseSync(join(folder, STORE_FILE_NAME));
      database.exec("UPDATE job SET body = '{\"type' WHERE id = 'damaged'");
      database.close();
    },
  };
}

async function openRedis() {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  return {
    open: () => connectRedisStore({ url: server.url, prefix: "t", clock }),
    async damage() {
      const redis = new Redis(server.url);
      for (const key of await redis.keys("*j:*:damaged")) await redis.hset(key, "b", '{"type');
      await redis.quit();
    },
  };
}

test.skipIf(!hasRedisServer()).each([
  ["file", openSqlite],
  ["Redis", openRedis],
])(
  "jobs whose stored body is not JSON become dead letters at once and do not stop their queue: %s",
  async (_, create) => {
    const stored = await create();
    const first = await stored.open();
    await first.commit({ jobs: QUEUES.map((queue) => ({ id: "damaged", queue, lane: "lane", body: {} })) });
    await first.commit({ jobs: QUEUES.map((queue) => toJob(queue, { type: "newer" })) });
    await first.close();
    await stored.damage();
    const store = await stored.open();
    onTestFinished(() => store.close());
    await handleDueJobs(store);
    for (const queue of QUEUES) {
      const [damaged, other] = await store.listDeadJobs(queue);
      expect(other?.body).toEqual({ type: "newer" });
      expect(damaged).toMatchObject({
        id: "damaged",
        body: '{"type',
        reason: expect.stringContaining("cannot read the stored job"),
      });
    }
  },
);
