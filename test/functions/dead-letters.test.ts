import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { createManifest } from "../../functions/create-manifest.ts";
import { createMemoryStore, createSqliteStore, STORE_FILE_NAME } from "../../runtime/stores/sqlite-store.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createPump } from "../../shared/app/pump.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import type { Json } from "../../shared/omit-undefined.ts";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { type Job, QUEUES, type Queue, type Store } from "../../shared/store/port.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);

const ID = "item:12:completed:telegram:-100/1";

async function createRuntimeWithDeadLetter() {
  const runtime = await startTestRuntime();
  const body = { text: "marked body", facts: { item: { key: "ONB-12", title: "marked title" } } };
  await runtime.store.commit({ jobs: [{ id: ID, queue: "outbox", lane: "chat", body }] });
  const [job] = await runtime.store.take("outbox", 1000, 1);
  if (job) await runtime.store.acknowledge(job, { dead: "chat not found" });
  return runtime;
}

test("Dead letters (reliability 5) are listed without their bodies, and requeued once, which is logged", async () => {
  const { url, store, lines } = await createRuntimeWithDeadLetter();
  const headers = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  const text = await (await fetch(`${url}/dead-letters`, headers)).text();
  expect(JSON.parse(text)).toEqual({
    dead_letters: [{ queue: "outbox", id: ID, task: "ONB-12", reason: "chat not found", at: TIME }],
  });
  expect(text).not.toContain("marked");
  const replay = (queue = "outbox") =>
    fetch(`${url}/dead-letters/${queue}/${encodeURIComponent(ID)}/replay`, { method: "POST", ...headers });
  expect((await replay("nothing")).status).toBe(404);
  expect((await replay()).status).toBe(200);
  expect((await store.stats()).queues.outbox).toMatchObject({ pending: 1, dead: 0 });
  expect((await replay()).status).toBe(404);
  expect((await store.stats()).queues.outbox.pending).toBe(1);
  expect(lines.filter(({ message }) => message === "failed job requeued")).toEqual([
    expect.objectContaining({ queue: "outbox", id: ID, by: "admin", where: "api", client: "127.0.0.1" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(RUNTIME_ADMIN_TOKEN);
});

test("Dead letters are discarded once, which the activity shows, and a repeated delivery is not worked again", async () => {
  const { url, store, lines } = await createRuntimeWithDeadLetter();
  const decision: DecisionRecord = {
    ...{ record: "item:12", rev: 1, at: await store.now(), via: "webhook", event: { kind: "completed" } },
    actions: [{ rule: "completed tasks", target: "telegram:-100", queue: "outbox", job: ID }],
    ...{ skipped: [], correlation: "c", project: { identifier: "ONB", name: "Onboarding" } },
  };
  await store.commit({ put: [createDecisionPut(decision)] });
  const headers = createBearerHeaders(RUNTIME_ADMIN_TOKEN);
  const readFate = async () => {
    const answer: unknown = await (await fetch(`${url}/api/why`, headers)).json();
    return (answer as { rows: { asked: { fate: unknown }[] }[] }).rows[0]?.asked[0]?.fate;
  };
  const discard = () => fetch(`${url}/dead-letters/outbox/${encodeURIComponent(ID)}`, { method: "DELETE", ...headers });
  expect(await readFate()).toEqual({ is: "set_aside", reason: "chat not found" });
  expect((await discard()).status).toBe(200);
  await store.commit({ jobs: [{ id: ID, queue: "outbox", lane: "chat", body: { text: "marked body" } }] });
  expect((await store.stats()).queues.outbox).toMatchObject({ pending: 0, dead: 0 });
  expect((await discard()).status).toBe(404);
  expect(await readFate()).toEqual({ is: "discarded", at: expect.any(Number) });
  expect(lines.filter(({ message }) => message === "failed job discarded")).toEqual([
    expect.objectContaining({ queue: "outbox", id: ID, by: "admin", where: "api", client: "127.0.0.1" }),
  ]);
});

const clock = () => Date.UTC(2026, 0, 5, 8);

/** Handles the due jobs once with the product's handlers, which get nothing that a readable job would need. */
async function handleDueJobs(store: Store): Promise<void> {
  const log = createLog({ level: "error", write: () => {}, clock });
  const health = { recordDelivery() {} } as Deps["health"];
  const deps: Partial<Deps> = { store, log, metrics: noMetrics, clock, health, notify: () => {} };
  await createPump(deps as Deps, createManifest().jobHandlers).drain();
}

const toJob = (queue: Queue, body: Json): Job => {
  return { id: JSON.stringify(body), queue, lane: JSON.stringify(body), body };
};

test("reliability 5: jobs whose body has an unknown form become dead letters at the first try, in every queue", async () => {
  for (const queue of QUEUES) {
    const store = createMemoryStore({ clock });
    const bodies: Json[] = [{ type: "newer" }, {}, [], null, 7, "text"];
    await store.commit({ jobs: bodies.map((body) => toJob(queue, body)) });
    await handleDueJobs(store);
    const dead = await store.listDeadJobs(queue);
    expect(dead.map(({ body }) => body)).toEqual(expect.arrayContaining(bodies));
    expect(dead).toHaveLength(bodies.length);
    for (const { reason } of dead) expect(reason).toMatch(/^This version cannot read the stored job \(.+: .+\)\./);
  }
});

test("jobs whose stored body is not JSON become dead letters at once and do not stop their queue", async () => {
  const folder = createTestFolder();
  const first = createSqliteStore({ folder, clock });
  await first.commit({ jobs: QUEUES.map((queue) => ({ id: "damaged", queue, lane: "lane", body: {} })) });
  await first.commit({ jobs: QUEUES.map((queue) => toJob(queue, { type: "newer" })) });
  await first.close();
  const database = new DatabaseSync(join(folder, STORE_FILE_NAME));
  database.exec("UPDATE job SET body = '{\"type' WHERE id = 'damaged'");
  database.close();
  const store = createSqliteStore({ folder, clock });
  onTestFinished(() => store.close());
  await handleDueJobs(store);
  for (const queue of QUEUES) {
    const [damaged, other] = await store.listDeadJobs(queue);
    expect(other?.body).toEqual({ type: "newer" });
    const reason = expect.stringContaining("cannot read the stored job");
    expect(damaged).toMatchObject({ id: "damaged", body: '{"type', reason });
  }
});
