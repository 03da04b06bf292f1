import { expect, test } from "vitest";
import { z } from "zod";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  RUNTIME_TICK_TOKEN,
  startTestRuntime,
} from "../support/test-runtime.ts";

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

test("Dead letters (reliability 5) are requeued once, whatever characters their id contains", async () => {
  const id = "item:12:completed:telegram:-100/1";
  const { url, store } = await createRuntimeWithDeadLetter(id);
  const replay = () =>
    fetch(`${url}/dead-letters/outbox/${encodeURIComponent(id)}/replay`, {
      method: "POST",
      ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
    });
  expect((await replay()).status).toBe(200);
  expect((await store.stats()).queues.outbox).toMatchObject({ pending: 1, dead: 0 });
  expect((await replay()).status).toBe(404);
  expect((await store.stats()).queues.outbox.pending).toBe(1);
});

test("A requeue of a dead letter is logged once, with the way and the address it came from", async () => {
  const id = "item:12:completed:telegram:-100/1";
  const { url, lines } = await createRuntimeWithDeadLetter(id);
  const replay = () =>
    fetch(`${url}/dead-letters/outbox/${encodeURIComponent(id)}/replay`, {
      method: "POST",
      ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
    });
  expect((await replay()).status).toBe(200);
  expect((await replay()).status).toBe(404);
  expect(lines.filter(({ message }) => message === "failed job requeued")).toEqual([
    expect.objectContaining({ queue: "outbox", id, by: "ADMIN_TOKEN", client: "127.0.0.1" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(RUNTIME_ADMIN_TOKEN);
});

test("Dead letters (reliability 5) of an unknown queue are not found", async () => {
  const { url } = await createRuntimeWithDeadLetter();
  const response = await fetch(`${url}/dead-letters/nothing/1/replay`, {
    method: "POST",
    ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
  });
  expect(response.status).toBe(404);
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
    expect.objectContaining({ queue: "outbox", id, by: "ADMIN_TOKEN", client: "127.0.0.1" }),
  ]);
});

test("Dead letters are discarded only with ADMIN_TOKEN", async () => {
  const { url, store } = await createRuntimeWithDeadLetter("1");
  const refused = await fetch(`${url}/dead-letters/outbox/1`, {
    method: "DELETE",
    ...createBearerHeaders(RUNTIME_TICK_TOKEN),
  });
  expect(refused.status).toBe(403);
  expect((await store.stats()).queues.outbox.dead).toBe(1);
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
