import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectRedisStore } from "../../../runtime/stores/redis/redis-store.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

describe.runIf(hasRedisServer())("Tickets on Redis", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  async function createRedisApp(prefix: string, settings: Record<string, unknown>) {
    let clock = () => Date.parse("2026-11-21T08:00:00.000Z");
    const store = await connectRedisStore({ url: redis.url, prefix, clock: () => clock() });
    onTestFinished(() => store.close());
    return createTicketsApp(settings, {
      store: (appClock) => {
        clock = appClock;
        return store;
      },
    });
  }

  test("five approvals at once start one session, and exchanges at once respect the limit", async () => {
    const app = await createRedisApp("limit", { max_sessions: 2 });
    for (let i = 0; i < 6; i += 1) app.addTask(`Task ${i}`);
    await app.deliverWebhooks();
    await app.runUntilIdle();
    const approvals = await Promise.all(Array.from({ length: 5 }, () => app.call("/api/approve/ONB-1")));
    expect(new Set(approvals.map(({ json }) => json.conversation_id)).size).toBe(1);
    await Promise.all([2, 3, 4, 5, 6].map((n) => app.call(`/api/approve/ONB-${n}`)));
    await Promise.all(Array.from({ length: 8 }, () => app.exchange()));
    expect((await app.exchange()).sessions).toHaveLength(2);
  });

  test("a run survives a restart and is written to Plane once", async () => {
    const app = await createRedisApp("restart", {});
    const item = await app.requestTicket();
    await app.call("/api/approve/ONB-1");
    await app.exchange();
    await app.restart();
    await app.listenAgain();
    await app.exchange([createSession({ completion: { summary: "Survived", source: "file" } })]);
    await app.restart();
    await app.listenAgain();
    expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
    expect(app.readComments(item).filter((text) => text.includes("Survived"))).toHaveLength(1);
  });
});
