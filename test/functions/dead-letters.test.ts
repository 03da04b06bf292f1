import { describe, expect, it } from "vitest";
import { ADMIN, bearer, started } from "../runtime/started.ts";

async function withOneDead(id = "item:12:completed:telegram:-100/1") {
  const runtime = await started();
  await runtime.store.commit({ jobs: [{ id, queue: "outbox", lane: "chat", body: { text: "marked body" } }] });
  const [job] = await runtime.store.take("outbox", 1000, 1);
  if (job) await runtime.store.settle(job, { dead: "chat not found" });
  return runtime;
}

describe("Dead letters (reliability 5)", () => {
  it("are listed with queue, id, reason and time, without what they would have said", async () => {
    const { url } = await withOneDead();
    const response = await fetch(`${url}/dead-letters`, bearer(ADMIN));
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

  it("are replayed once, whatever their id holds", async () => {
    const id = "item:12:completed:telegram:-100/1";
    const { url, store } = await withOneDead(id);
    const replay = () =>
      fetch(`${url}/dead-letters/outbox/${encodeURIComponent(id)}/replay`, { method: "POST", ...bearer(ADMIN) });
    expect((await replay()).status).toBe(200);
    expect((await store.stats()).queues.outbox).toMatchObject({ pending: 1, dead: 0 });
    expect((await replay()).status).toBe(404);
    expect((await store.stats()).queues.outbox.pending).toBe(1);
  });

  it("of a queue that is not there are not found", async () => {
    const { url } = await withOneDead();
    const response = await fetch(`${url}/dead-letters/nothing/1/replay`, { method: "POST", ...bearer(ADMIN) });
    expect(response.status).toBe(404);
  });
});
