import { expect, test } from "vitest";
import { createBearerHeaders, RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

async function createRuntimeWithDeadLetter(id = "item:12:completed:telegram:-100/1") {
  const runtime = await startTestRuntime();
  await runtime.store.commit({ jobs: [{ id, queue: "outbox", lane: "chat", body: { text: "marked body" } }] });
  const [job] = await runtime.store.take("outbox", 1000, 1);
  if (job) await runtime.store.settle(job, { dead: "chat not found" });
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

test("Dead letters (reliability 5) of an unknown queue are not found", async () => {
  const { url } = await createRuntimeWithDeadLetter();
  const response = await fetch(`${url}/dead-letters/nothing/1/replay`, {
    method: "POST",
    ...createBearerHeaders(RUNTIME_ADMIN_TOKEN),
  });
  expect(response.status).toBe(404);
});
