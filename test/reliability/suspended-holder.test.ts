import { Redis } from "ioredis";
import { expect, onTestFinished, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { createFetchClient } from "./agent-clients.ts";
import { NO_TELEGRAM_LIMITS, startSimulators, toAgentToken } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const LIMIT_MS = 120_000;
const KEY = "ONB-1";

test("reliability 8: a process suspended past its lease starts no further write of the call, and the other agent keeps the task", async (context) => {
  context.skip(!hasRedisServer());
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane } = simulators;
  const { agents, users, tokens } = simulators.addAgents(["Imhotep", "Thot"]);
  const patch = { name: "Write the report", state: "Todo", assignees: users };
  const item = plane.addItem(simulators.addProject(), patch);
  simulators.takeWebhookBodies();
  const env = { ...simulators.env, ...tokens };
  const childOptions = { burst: 0, unpaced: true };
  const start = () => spawnRuntime({ env, config: { agents }, store: redis.url, childOptions });
  const [first, second] = await Promise.all([start(), start()]);
  await second.poll();
  await second.waitUntilIdle();
  const imhotep = await createFetchClient(first.url, toAgentToken("Imhotep"));
  const thot = await createFetchClient(second.url, toAgentToken("Thot"));
  expect(await imhotep.call("update_task_status", { task: KEY, status: "in_progress" })).toHaveProperty("answer");
  // The jobs that wait now edit the task's card in half a minute and compare the labels, which are the same.
  await expect.poll(() => plane.comments(item).length, { timeout: LIMIT_MS }).toBe(1);
  const client = new Redis(redis.url);
  onTestFinished(() => void client.disconnect());

  // The first process is suspended when its write reaches Plane, until its lease has expired and Thot has claimed the
  // task. Plane applies the write, and the process reads the response when it continues. Redis' clock cannot be moved,
  // so the end of the claim is moved.
  let received: number | undefined;
  plane.faults.beforeRequest(async ({ method, path }) => {
    if (method !== "PATCH" || !path.includes("work-items/")) return;
    plane.faults.beforeRequest(undefined);
    process.kill(first.pid ?? 0, "SIGSTOP");
    const [key = "", ...others] = await client.keys(`*:k:claim:${item.id}`);
    expect(others).toEqual([]);
    const claim = JSON.parse((await client.hget(key, "v")) ?? "{}");
    await client.hset(key, "v", JSON.stringify({ ...claim, until: Date.now() - 1 }));
    expect(await thot.call("claim_task", { task: KEY })).toHaveProperty("answer");
    received = plane.ledger.requests.length;
    process.kill(first.pid ?? 0, "SIGCONT");
  });
  const result = await imhotep.call("update_task_status", { task: KEY, status: "done", text: "Late summary." });
  expect(received).toBeDefined();
  expect(result).toEqual({ refused: expect.stringContaining(`You lost ${KEY}`) });
  expect(plane.comments(item).filter(({ comment_html }) => comment_html.includes("Late summary."))).toEqual([]);
  // The card of the task names its new holder, so edits of existing comments are expected.
  const writes = plane.ledger.requests
    .slice(received)
    .filter(({ method, path }) => method !== "GET" && !/\/comments\/[^/]+\/$/.test(path));
  expect(writes.map(({ method, path }) => [method, path.endsWith(`/work-items/${item.id}/`)])).toEqual([
    ["PATCH", true],
  ]);
  // The write that had begun is in Plane, and reading it back makes both agents see the same status.
  expect(plane.item(item)?.completed_at).toEqual(expect.any(Number));
  await second.poll();
  expect(await thot.call("get_task_details", { task: KEY })).toMatchObject({ answer: { status: "done" } });
});
