import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { createFetchClient } from "./agent-clients.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { toAgentToken } from "./runtime-with-agents.ts";
import { NO_TELEGRAM_LIMITS, startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const LIMIT_MS = 120_000;
const KEY = "ONB-1";

/** Starts two processes of the product on one Redis. Imhotep calls the first and holds the task, Thot calls the second. */
async function startTwoRuntimes() {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane } = simulators;
  const agents = ["Imhotep", "Thot"].map((name) => ({ name, email: `${name.toLowerCase()}@agents.example` }));
  const assignees = agents.map((agent) => plane.addUser(agent));
  const project = simulators.addProject();
  const item = plane.addItem(project, {
    name: "Write the report",
    state: "Todo",
    assignees,
  });
  simulators.takeWebhookBodies();
  const env = {
    ...simulators.env,
    ...Object.fromEntries(agents.map(({ name }) => [`AGENT_TOKEN_${name.toUpperCase()}`, toAgentToken(name)])),
  };
  const start = () =>
    spawnRuntime({ env, config: { agents }, store: redis.url, childOptions: { burst: 0, unpaced: true } });
  const [first, second] = await Promise.all([start(), start()]);
  await second.poll();
  await second.waitUntilIdle();
  const imhotep = await createFetchClient(first.url, toAgentToken("Imhotep"));
  const thot = await createFetchClient(second.url, toAgentToken("Thot"));
  expect(await imhotep.call("update_task_status", { task: KEY, status: "in_progress" })).toHaveProperty("answer");
  // The task has its card. The jobs that wait now edit the card in half a minute and compare the labels, which are the same.
  await expect.poll(() => plane.comments(item).length, { timeout: LIMIT_MS }).toBe(1);
  const client = new Redis(redis.url);
  onTestFinished(() => void client.disconnect());

  /** Expires the claim on the task: Redis' clock cannot be moved, so the end of the claim is moved. */
  async function expireClaim() {
    const [key = "", ...others] = await client.keys(`*:k:claim:${item.id}`);
    expect(others).toEqual([]);
    const claim = JSON.parse((await client.hget(key, "v")) ?? "{}");
    await client.hset(key, "v", JSON.stringify({ ...claim, until: Date.now() - 1 }));
  }

  return {
    plane,
    item,
    imhotep,
    thot,
    second,
    /**
     * Suspends the first process when this write of it reaches Plane, until its lease has expired and Thot has claimed
     * the task. Plane applies the write, and the process reads the response when it continues. Returns the number of
     * requests that Plane had received by then.
     */
    async suspendDuring(method: string, path: RegExp, call: () => Promise<unknown>) {
      let received: number | undefined;
      plane.faults.beforeRequest(async (request) => {
        if (request.method !== method || !path.test(request.path)) return;
        plane.faults.beforeRequest(undefined);
        process.kill(first.pid ?? 0, "SIGSTOP");
        await expireClaim();
        expect(await thot.call("claim_task", { task: KEY })).toHaveProperty("answer");
        received = plane.ledger.requests.length;
        process.kill(first.pid ?? 0, "SIGCONT");
      });
      const result = await call();
      if (received === undefined) throw new Error(`the process was not suspended: ${JSON.stringify(result)}`);
      return { result, received };
    },
    countComments: (text: string) =>
      plane.comments(item).filter(({ comment_html }) => comment_html.includes(text)).length,
  };
}

describe.skipIf(!hasRedisServer())("A process suspended past its lease", () => {
  test(
    "reliability 8: it starts no further write of the call, and the other agent keeps the task",
    async () => {
      const { plane, item, imhotep, thot, suspendDuring, countComments, second } = await startTwoRuntimes();
      const { result, received } = await suspendDuring("PATCH", /work-items\//, () =>
        imhotep.call("update_task_status", { task: KEY, status: "done", text: "Late summary." }),
      );
      expect(result).toEqual({ refused: expect.stringContaining(`You lost ${KEY}`) });
      expect(countComments("Late summary.")).toBe(0);
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
    },
    LIMIT_MS,
  );

  test.runIf(IS_FULL_RUN)(
    "reliability 8: a comment whose request had begun exists once, also after the agent repeats the call",
    async () => {
      const { imhotep, thot, suspendDuring, countComments } = await startTwoRuntimes();
      const input = { task: KEY, text: "Half of it is written." };
      const { result } = await suspendDuring("POST", /\/comments\//, () => imhotep.call("add_comment", input));
      expect(countComments(input.text)).toBe(1);
      // The loss is reported once. An assigned agent may comment without a claim, so the repeat finds its own comment.
      expect([result, await imhotep.call("add_comment", input)]).toContainEqual({
        refused: expect.stringContaining(`You lost ${KEY}`),
      });
      expect(await imhotep.call("add_comment", input)).toHaveProperty("answer");
      expect(countComments(input.text)).toBe(1);
      expect(await thot.call("add_comment", { task: KEY, text: "I continue." })).toHaveProperty("answer");
      expect(countComments("I continue.")).toBe(1);
    },
    LIMIT_MS,
  );
});
