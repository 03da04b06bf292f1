import { describe, expect, it } from "vitest";
import { canaryTick } from "../../../functions/canary/canary-tick.ts";
import { readCanary } from "../../../shared/canary/canary-record.ts";
import { observedSets } from "../../../shared/observe/store-keys.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

describe.each(["1.3.1", "1.2.2"] as const)("The canary on Plane %s", (version) => {
  it("comes back, and the time it took is kept", async () => {
    const { crew, tickWithWebhook: heard } = await createCanaryTestApp({ version });
    const counts = await heard();
    expect(counts).toMatchObject({ sent: 1, ms: expect.any(Number) });
    const kept = await readCanary(crew.store);
    expect(kept?.back?.nonce).toBe(kept?.sent?.nonce);
    expect(kept?.silentSince).toBeUndefined();
    expect(crew.logged).toContainEqual(expect.objectContaining({ message: "canary came back" }));
  });

  it("is told to nobody: no event, no open work, no read of it, however it is seen", async () => {
    const { crew, onb, tickWithWebhook: heard, findCanaryItem: item } = await createCanaryTestApp({ version });
    await heard();
    crew.advance(3_600_000);
    await crew.poll();
    await heard();
    crew.advance(700_000);
    const requests = await crew.recordRequests(() => crew.poll());
    await crew.runUntilIdle();
    expect(crew.takeEvents()).toEqual([]);
    expect(requests.filter((one) => one.includes(":id"))).toEqual([]);
    const [items, open, quiet] = await Promise.all(
      [observedSets.items(onb.id), observedSets.open(onb.id), observedSets.quiet(onb.id)].map((set) =>
        crew.store.count(set),
      ),
    );
    expect([items, open, quiet]).toEqual([1, 1, 1]);
    expect(item()?.name).toContain("please do not delete");
  });

  it("starts no census: what Plane counts is what is kept", async () => {
    const { crew, tickWithWebhook: heard } = await createCanaryTestApp({ version });
    await heard();
    await crew.poll();
    await crew.runUntilIdle();
    crew.advance(700_000);
    await crew.poll();
    crew.advance(700_000);
    expect(await crew.recordRequests(() => crew.poll())).toEqual(["GET projects", "GET work-items"]);
  });
});

describe("The canary", () => {
  it("costs one request when it is there", async () => {
    const { crew, tickWithWebhook: heard } = await createCanaryTestApp({ project: "ONB" });
    await heard();
    crew.advance(3_600_000);
    const requests = await crew.recordRequests(() => heard());
    expect(requests.filter((one) => !one.startsWith("GET projects"))).toEqual(["PATCH work-items/:id/comments/:id"]);
  });

  it("that is not heard within a minute is said once, in the log and in Telegram, and again when one comes", async () => {
    const { crew, tickWithWebhook: heard, tickWithoutWebhook: unheard, alerts: said } = await createCanaryTestApp();
    await heard();
    expect(said).toEqual([]);
    expect(await unheard()).toEqual({ sent: 1, silent: 1 });
    crew.advance(3_600_000);
    expect(await unheard()).toEqual({ sent: 1, silent: 1 });
    expect(said).toHaveLength(1);
    expect(said[0]).toMatchObject({ lane: "telegram:42", text: expect.stringContaining("No webhooks from Plane") });
    expect(
      crew.logged.filter(({ level, message }) => level === "error" && String(message).includes("silent")),
    ).toHaveLength(2);
    crew.advance(3_600_000);
    await heard();
    expect(said).toHaveLength(2);
    expect(said[1]).toMatchObject({ lane: "telegram:42", text: expect.stringContaining("work again") });
    expect((await readCanary(crew.store))?.silentSince).toBeUndefined();
  });

  it("that comes late ends the silence, and one of an earlier edit does not", async () => {
    const { crew } = await createCanaryTestApp();
    await canaryTick.run(crew.deps);
    crew.plane.runWorker();
    const early = crew.plane.deliveries.pending.map(({ body }) => body);
    crew.plane.deliveries.dropAll();
    crew.advance(3_600_000);
    await canaryTick.run(crew.deps);
    for (const body of early) await crew.enqueueWebhook(body);
    await crew.drain();
    expect((await readCanary(crew.store))?.silentSince).toBeDefined();
    await crew.deliverWebhooks();
    expect((await readCanary(crew.store))?.back?.took).toBeGreaterThanOrEqual(60_000);
    expect((await readCanary(crew.store))?.silentSince).toBeUndefined();
  });

  it("is made anew when people have deleted it, and nobody is told of either", async () => {
    const { crew, tickWithWebhook: heard, findCanaryItem: item } = await createCanaryTestApp();
    await heard();
    const first = item();
    if (!first) throw new Error("there is no canary");
    crew.plane.deleteItem(first);
    await crew.poll();
    await crew.runUntilIdle();
    await crew.poll();
    crew.advance(700_000);
    await crew.poll();
    expect(await crew.recordRequests(() => crew.poll())).toEqual(["GET projects", "GET work-items"]);
    expect(await heard()).toMatchObject({ sent: 1, ms: expect.any(Number) });
    expect(item()?.id).not.toBe(first.id);
    await crew.runUntilIdle();
    expect(crew.takeEvents()).toEqual([]);
  });

  it("is known again after the store was lost, and silent", async () => {
    const { crew, tickWithWebhook: heard, findCanaryItem: item } = await createCanaryTestApp();
    await heard();
    const before = item()?.id;
    await crew.restart({ store: "lost" });
    await crew.runFirstPoll();
    await heard();
    expect(item()?.id).toBe(before);
    await crew.runUntilIdle();
    expect(crew.takeEvents()).toEqual([]);
  });

  it("what people write beside it is told to nobody either", async () => {
    const { crew, tickWithWebhook: heard, findCanaryItem: item } = await createCanaryTestApp();
    await heard();
    const there = item();
    if (!there) throw new Error("there is no canary");
    crew.plane.addComment(there, "<p>What is this?</p>");
    crew.plane.editItem(there, { name: "Renamed", state: "In Progress" });
    await crew.deliverWebhooks();
    await crew.poll();
    await crew.runUntilIdle();
    expect(crew.takeEvents()).toEqual([]);
  });

  it.each([
    ["without a project of ours, others' are left alone", {}],
    ["with canary: false there is none", { canary: false }],
  ] as const)("%s", async (_, config) => {
    const { crew, findCanaryItem: item } = await createCanaryTestApp({ config });
    expect(await canaryTick.run(crew.deps)).toEqual({});
    expect(item()).toBeUndefined();
  });
});
