import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createManifest } from "../../functions/create-manifest.ts";
import { connectRedisStore } from "../../runtime/stores/redis/redis-store.ts";
import { createMemoryStore, createSqliteStore, STORE_FILE_NAME } from "../../runtime/stores/sqlite-store.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createPump } from "../../shared/app/pump.ts";
import { inboxBodySchema, updateBodySchema } from "../../shared/jobs/incoming-jobs.ts";
import { observeBodySchema, wakeBodySchema, workJobBodySchema } from "../../shared/jobs/internal-jobs.ts";
import { forwardBodySchema, outboxBodySchema } from "../../shared/jobs/outgoing-jobs.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { Json } from "../../shared/omit-undefined.ts";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { type Job, QUEUES, type Queue, type Store } from "../../shared/store/port.ts";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

const activitySchema = z.object({
  rows: z.array(z.object({ asked: z.array(z.object({ fate: z.unknown() })) })),
});

async function createRuntimeWithDeadLetter(id = "item:12:completed:telegram:-100/1") {
  const runtime = await startTestRuntime();
  await runtime.store.commit({ jobs: [{ id, queue: "outbox", lane: "chat", body: { text: "marked body" } }] });
  const [job] = await runtime.store.take("outbox", 1000, 1);
  if (job) await runtime.store.acknowledge(job, { dead: "chat not found" });
  return runtime;
}

test("Dead letters (reliability 5) are listed with queue, id, reason and time, without their bodies", async () => {
  const { url } = await createRuntimeWithDeadLetter();
  const response = await fetch(`${url}/dead-letters`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  const text = await response.text();
  expect(JSON.parse(text)).toEqual({
    dead_letters: [
      {
        queue: "outbox",
        id: "item:12:completed:telegram:-100/1",
        reason: "chat not found",
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ],
  });
  expect(text).not.toContain("marked");
});

test.each([
  [{ facts: { item: { key: "ONB-12", title: "marked title" } } }, "ONB-12"],
  [{ facts: { item: { key: "<b>ONB-12</b>" } } }, undefined],
  ["not an object", undefined],
])("A dead letter names the task of its event and nothing else of its body: %j", async (body, task) => {
  const { url, store } = await startTestRuntime();
  await store.commit({ jobs: [{ id: "one", queue: "outbox", lane: "chat", body }] });
  const [job] = await store.take("outbox", 1000, 1);
  if (job) await store.acknowledge(job, { dead: "chat not found" });
  const response = await fetch(`${url}/dead-letters`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
  const text = await response.text();
  expect(JSON.parse(text).dead_letters[0].task).toBe(task);
  expect(text).not.toContain("marked");
});

test("Dead letters (reliability 5) are requeued once, whatever characters their id contains, which is logged", async () => {
  const id = "item:12:completed:telegram:-100/1";
  const { url, store, lines } = await createRuntimeWithDeadLetter(id);
  const replay = (queue = "outbox") =>
    fetch(`${url}/dead-letters/${queue}/${encodeURIComponent(id)}/replay`, {
      method: "POST",
      ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
    });
  expect((await replay("nothing")).status).toBe(404);
  expect((await replay()).status).toBe(200);
  expect((await store.stats()).queues.outbox).toMatchObject({ pending: 1, dead: 0 });
  expect((await replay()).status).toBe(404);
  expect((await store.stats()).queues.outbox.pending).toBe(1);
  expect(lines.filter(({ message }) => message === "failed job requeued")).toEqual([
    expect.objectContaining({ queue: "outbox", id, by: "admin", where: "api", client: "127.0.0.1" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(RUNTIME_ADMIN_TOKEN);
});

test("Dead letters are discarded once, and a repeated delivery of the same job is not worked again", async () => {
  const id = "item:12:completed:telegram:-100/1";
  const { url, store, lines } = await createRuntimeWithDeadLetter(id);
  const discard = () =>
    fetch(`${url}/dead-letters/outbox/${encodeURIComponent(id)}`, {
      method: "DELETE",
      ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
    });
  expect((await discard()).status).toBe(200);
  await store.commit({ jobs: [{ id, queue: "outbox", lane: "chat", body: { text: "marked body" } }] });
  expect((await store.stats()).queues.outbox).toMatchObject({ pending: 0, dead: 0 });
  expect((await discard()).status).toBe(404);
  expect(lines.filter(({ message }) => message === "failed job discarded")).toEqual([
    expect.objectContaining({ queue: "outbox", id, by: "admin", where: "api", client: "127.0.0.1" }),
  ]);
});

test("The activity list shows the notification of a discarded job as discarded instead of waiting", async () => {
  const id = "item:12:completed:telegram:-100/1";
  const { url, store } = await createRuntimeWithDeadLetter(id);
  const decision: DecisionRecord = {
    record: "item:12",
    rev: 1,
    at: await store.now(),
    via: "webhook",
    event: { kind: "completed" },
    actions: [{ rule: "completed tasks", target: "telegram:-100", queue: "outbox", job: id }],
    skipped: [],
    correlation: "c",
    project: { identifier: "ONB", name: "Onboarding" },
  };
  await store.commit({ put: [createDecisionPut(decision)] });
  const readFate = async () => {
    const response = await fetch(`${url}/api/why`, createBearerHeaders(RUNTIME_ADMIN_TOKEN));
    return activitySchema.parse(await response.json()).rows[0]?.asked[0]?.fate;
  };
  expect(await readFate()).toEqual({ is: "set_aside", reason: "chat not found" });
  const discarded = await fetch(`${url}/dead-letters/outbox/${encodeURIComponent(id)}`, {
    method: "DELETE",
    ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
  });
  expect(discarded.status).toBe(200);
  expect(await readFate()).toEqual({ is: "discarded", at: expect.any(Number) });
});

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
  const health = { recordDelivery() {} } as Deps["health"];
  const deps: Partial<Deps> = { store, log, metrics: noMetrics, clock, health, notify: () => {} };
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
