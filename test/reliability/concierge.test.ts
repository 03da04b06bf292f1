import { describe, expect, onTestFinished, test } from "vitest";
import { hasRedisServer, startRedis } from "../support/redis-server.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { findBotTexts, NO_TELEGRAM_LIMITS, SIMULATED_CHAT, startSimulators } from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

const ADA = 4711;
const TOKEN = "bridge-token-of-the-concierge-in-these-tests";
const REPEAT_MARK = "(may be a repeat)";
const LIMIT_MS = 120_000;
const DURABLE = { appendonly: "yes", appendfsync: "always", "maxmemory-policy": "noeviction" };

/** Prepares two runtimes on one Redis, with a Concierge in the simulated Plane. Leases of jobs end after 4 s. */
async function createRuntimes() {
  const redis = await startRedis(DURABLE);
  onTestFinished(() => redis.stop());
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const user = plane.addUser({ name: "Concierge", email: "concierge@javisi.local.test" });
  simulators.addProject();
  const options = {
    env: {
      ...simulators.env,
      TELEGRAM_ALLOWED_USERS: String(ADA),
      AGENT_TOKEN_CONCIERGE: TOKEN,
      PLANE_API_KEY_CONCIERGE: plane.createApiKey(user),
    },
    config: {
      agents: [
        {
          name: "Concierge",
          email: "concierge@javisi.local.test",
          role: "concierge",
          wake: { kind: "webhook", url: "http://127.0.0.1:9/wake", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
        },
      ],
    },
    store: redis.url,
    childOptions: { burst: 0, ttl: 4_000, unpaced: true },
  };
  const getTexts = (part: string) => findBotTexts(telegram, part);

  return {
    plane,
    telegram,
    start: () => spawnRuntime(options),
    getTexts,
    /** The messages with this text: at most one of them is not marked as a possible repeat. */
    countMessages(part: string) {
      const texts = getTexts(part);
      return { total: texts.length, unmarked: texts.filter((text) => !text.includes(REPEAT_MARK)).length };
    },
    async callTool(runtime: SpawnedRuntime, tool: string, input: object): Promise<{ status: number; json: unknown }> {
      const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
      const answer = await fetch(`${runtime.url}/agent/${tool}`, {
        method: "POST",
        headers,
        body: JSON.stringify(input),
      });
      return { status: answer.status, json: await answer.json() };
    },
    async pressButton(part: string, label: RegExp) {
      const message = telegram.chat(SIMULATED_CHAT).messages.findLast(({ text }) => text.includes(part));
      const button = message?.buttons.flat().find(({ text }) => label.test(text));
      await telegram.press(SIMULATED_CHAT, ADA, message?.id ?? 0, button?.callback_data ?? "");
    },
  };
}

describe.skipIf(!hasRedisServer())("two runtimes on one Redis", () => {
  const steps = ["after the message is sent", "before the message is sent", "after the message is recorded"] as const;
  test.each(IS_FULL_RUN ? steps : steps.slice(0, 1))(
    "reliability 2: a message of the Concierge survives kill -9 %s: the other runtime continues, and a possible repeat is marked",
    async (step) => {
      const { start, callTool, countMessages } = await createRuntimes();
      const first = await start();
      await first.poll();
      await first.waitUntilIdle();
      await first.kill();
      await first.start({ crash: { step, nth: 1 } });
      const message = { text: "Dark mode is live." };
      const answer = await callTool(first, "message_human", message);
      await first.waitForExit();
      const second = await start();
      expect(await callTool(second, "message_human", message)).toEqual(answer);
      await second.waitUntilIdle();
      const isUnsure = step === "after the message is sent";
      expect(countMessages("Dark mode is live.")).toEqual({
        total: isUnsure ? 2 : 1,
        unmarked: 1 - (step === "before the message is sent" ? 1 : 0),
      });
    },
    LIMIT_MS,
  );

  test(
    "the same message and question, sent twenty times to both runtimes at once, reach the human once",
    async () => {
      const { start, callTool, countMessages, getTexts, pressButton } = await createRuntimes();
      const runtimes = await Promise.all([start(), start()]);
      await runtimes[0].poll();
      const callAll = (input: object) =>
        Promise.all(
          Array.from({ length: 20 }, (_, n) => callTool(runtimes[n % 2] ?? runtimes[0], "message_human", input)),
        );
      const answers = await callAll({ text: "Dark mode is live." });
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      const question = { kind: "ask", text: "Dark mode for the blog?", choices: ["Yes", "No"] };
      expect(new Set((await callAll(question)).map((answer) => JSON.stringify(answer))).size).toBe(1);
      await expect.poll(() => countMessages("Dark mode for the blog?").total, { timeout: 20_000 }).toBe(1);
      expect(countMessages("Dark mode is live.")).toEqual({ total: 1, unmarked: 1 });
      await pressButton("Dark mode for the blog?", /No/);
      await expect.poll(() => getTexts("Answered by").length, { timeout: 20_000 }).toBe(1);
      const { json } = await callTool(runtimes[1], "message_human", question);
      expect(json).toMatchObject({ status: "answered", answer: "No" });
      expect(countMessages("Dark mode for the blog?").total).toBe(1);
    },
    LIMIT_MS,
  );

  test.runIf(IS_FULL_RUN)(
    "reliability 2: kill -9 of the runtime that handles the approval of a plan: the other one carries it out once",
    async () => {
      const { start, callTool, getTexts, pressButton, plane, telegram } = await createRuntimes();
      const runtimes = await Promise.all([start(), start()]);
      await runtimes[0].poll();
      await telegram.postAsUser(SIMULATED_CHAT, ADA, "/plane new add dark mode to the website");
      await expect.poll(() => getTexts("Concierge").length, { timeout: 20_000 }).toBe(1);
      const tasks = [
        { id: "a", title: "Choose the colours" },
        { id: "b", title: "Build the toggle", blocked_by: ["a"] },
      ];
      const plan = { project: "Dark mode", tasks };
      await callTool(runtimes[0], "plan_project", plan);
      await expect.poll(() => getTexts("Plan to approve").length, { timeout: 20_000 }).toBe(1);
      await pressButton("Plan to approve", /Approve/);
      await expect.poll(() => getTexts("Approved by").length, { timeout: 20_000 }).toBe(1);
      await runtimes[0].kill();
      await expect
        .poll(async () => (await callTool(runtimes[1], "plan_project", plan)).json, {
          timeout: 90_000,
          interval: 1_000,
        })
        .toMatchObject({ remaining: 0, done: [expect.any(String), expect.any(String)] });
      const created = plane.ledger.requests.filter(
        ({ method, path }) => method === "POST" && /\/projects\/$/.test(path),
      );
      expect(created).toHaveLength(1);
      expect(getTexts("Plan to approve")).toHaveLength(1);
    },
    LIMIT_MS,
  );
});
