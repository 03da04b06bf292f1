import { expect, test } from "vitest";
import type { Item } from "../../simulators/plane/types.ts";
import { type AgentClient, type CallResult, createFetchClient, createMcpClient } from "../reliability/agent-clients.ts";
import { findDuplicated, findUnexpected, readCompletions } from "../reliability/completions.ts";
import { IS_FULL_RUN, pickSize } from "../reliability/random-source.ts";
import { findBotTexts, SIMULATED_CHAT, toItemKey } from "../reliability/simulators.ts";
import { createEffectGate, type EffectPoint } from "./effect-gate.ts";
import { evictObject, type OpenHost, openObjectHost } from "./hosts.ts";
import { startPortableTeam, type TeamSize, toToken } from "./portable-team.ts";

const FULL_LIMIT_MS = 1_800_000;
/** Limit of requests per case: more than any of them causes, so that each is evicted at all of its requests. */
const MAX_REQUESTS = 30;
/** Begins the digest. */
const DIGEST = "Daily";
const REPEAT_NOTE = "may be a repeat";

/** Every request of a case in turn, each once before Plane or Telegram sees it and once after; the small run has one. */
const POINTS: readonly EffectPoint[] = Array.from({ length: pickSize(2 * MAX_REQUESTS, 1) }, (_, i) => ({
  nth: Math.floor(i / 2) + 1,
  when: i % 2 === 0 ? "before" : "after",
}));

type EvictableTeam = Awaited<ReturnType<typeof startEvictableTeam>>;
type Call = AgentClient["call"];

/** Repeats an action that an eviction breaks off. */
async function persist<T>(action: () => Promise<T>): Promise<T> {
  const MAX_TRIES = 50;
  for (let tries = 1; ; tries += 1) {
    try {
      return await action();
    } catch (thrown) {
      if (tries === MAX_TRIES) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/**
 * Starts the product in workerd behind a gate that evicts its object at a chosen request to Plane or Telegram.
 * @param first where the object is evicted that has just started for the first time
 */
async function startEvictableTeam({ first, ...size }: TeamSize & { first: EffectPoint }) {
  const gate = createEffectGate();
  let evictions = 0;
  let evicted = Promise.withResolvers<void>();

  function evictAt(point: EffectPoint, url: string) {
    evicted = Promise.withResolvers();
    gate.killAt(point, () =>
      evictObject(url).then(() => {
        evictions += 1;
        evicted.resolve();
      }, evicted.reject),
    );
  }

  const openGatedHost: OpenHost = async (env, config) => {
    const gated = {
      PLANE_URL: await gate.open(env["PLANE_URL"]),
      TELEGRAM_API_ROOT: await gate.open(env["TELEGRAM_API_ROOT"]),
    };
    const host = await openObjectHost({ ...env, ...gated }, config);
    evictAt(first, host.url);
    // The object starts with its first request.
    await fetch(host.url);
    return host;
  };
  const team = await startPortableTeam(openGatedHost, size);
  await evicted.promise;

  return {
    ...team,
    countEvictions: () => evictions,
    /** Runs a case with an eviction at each of its requests, until it has no more; jobs in `later` are due in hours. */
    async runAtEachRequest(runCase: () => Promise<void>, later: readonly string[] = []) {
      for (const point of POINTS) {
        const before = evictions;
        evictAt(point, team.host.url);
        await runCase();
        await persist(() => team.waitUntilIdle(later));
        gate.killAt();
        if (evictions === before) return;
      }
      if (IS_FULL_RUN) throw new Error(`The case makes more than ${MAX_REQUESTS} requests.`);
    },
    /** Sends the webhooks of Plane's changes so far, each again until it is accepted, as Plane does. */
    async deliverWebhooks() {
      for (const body of team.takeWebhookBodies())
        await persist(async () => {
          const headers = team.createDeliveryHeaders(body);
          const answer = await team.request("/webhooks/plane", { method: "POST", headers, body });
          if (answer.status !== 200) throw new Error(`The webhook was answered with ${answer.status}.`);
          await answer.text();
        });
    },
  };
}

const isAnswer = (result: CallResult | undefined) => result !== undefined && "answer" in result;

function takeItem(items: Item[]): Item {
  const item = items.shift();
  if (!item) throw new Error("the team has too few tasks for these cases");
  return item;
}

/** Completes a task in Plane and waits until that is reported. */
async function completeTask(team: EvictableTeam, wanted: string[], notify: () => Promise<void>) {
  const item = takeItem(team.items);
  wanted.push(toItemKey(team.project, item));
  team.plane.editItem(item, { state: "Done" });
  await notify();
  // A summary of more than ten tasks names only some of them and counts the others.
  const count = () => readCompletions(team.telegram, SIMULATED_CHAT).total;
  await team.waitFor(() => expect(count()).toBeGreaterThanOrEqual(wanted.length));
}

/** Two agents claim one task at once; exactly one gets it and keeps it. Returns the task and the holder's calls. */
async function claimByTwo(team: EvictableTeam, agents: Call[]) {
  const task = toItemKey(team.project, takeItem(team.sharedItems));
  const claim = () => Promise.all(agents.map((call) => call("claim_task", { task })));
  const claims = await claim();
  expect([task, ...claims.map(isAnswer).sort()]).toEqual([task, false, true]);
  expect((await claim()).map(isAnswer)).toEqual(claims.map(isAnswer));
  const holder = agents[isAnswer(claims[0]) ? 0 : 1];
  if (!holder) throw new Error("nobody holds the task");
  return { task, holder };
}

/** The holder asks a question, a person answers it by its button, and the holder reads the answer. */
async function askQuestion(team: EvictableTeam, agents: Call[]) {
  const { task, holder } = await claimByTwo(team, agents);
  const text = `Which colour for ${task}?`;
  expect(isAnswer(await holder("update_task_status", { task, status: "in_progress" }))).toBe(true);
  expect(isAnswer(await holder("ask_human", { task, text, choices: ["Red", "Blue"] }))).toBe(true);
  await team.waitForTexts(text);
  await persist(() => team.pressButton(text, "Red"));
  await team.waitFor(async () => expect(JSON.stringify(await holder("get_task_details", { task }))).toContain("Red"));
  const unmarked = findBotTexts(team.telegram, text).filter((sent) => !sent.includes(REPEAT_NOTE));
  expect(unmarked.length).toBeLessThanOrEqual(1);
}

test("an eviction of the object before and after each request to Plane and Telegram, and a kill -9 of workerd (reliability 1), lose no change, question or answer, and repeat nothing without a mark", {
  timeout: FULL_LIMIT_MS,
}, async () => {
  const [tasks, shared] = [2 * POINTS.length + 1, 2 * POINTS.length + 1];
  const team = await startEvictableTeam({ tasks, shared, first: { nth: 1, when: "after", of: /\/projects\// } });
  // The first poll was cut off and no other one is due, so it is the same one that reads these tasks.
  await team.waitFor(async () => expect(await (await team.request("/api/board")).text()).toMatch(/"total":[1-9]/));
  await team.waitUntilIdle();
  const wanted: string[] = [];
  await team.runAtEachRequest(() => completeTask(team, wanted, team.deliverWebhooks));
  // Two agents, one that uses MCP and one that uses HTTP; a call that an eviction broke off is repeated, as an agent does.
  const { url } = team.host;
  const clients = [await createMcpClient(url, toToken("Thot")), await createFetchClient(url, toToken("Ptah"))];
  const agents = clients.map(
    (client): Call =>
      (tool, input) =>
        persist(() => client.call(tool, input)),
  );
  await team.runAtEachRequest(() => claimByTwo(team, agents).then(() => {}));
  if (IS_FULL_RUN) {
    const poll = async () => {
      team.takeWebhookBodies();
      await persist(() => team.runTick("poll"));
    };
    await team.runAtEachRequest(() => completeTask(team, wanted, poll));
    await team.runAtEachRequest(() => askQuestion(team, agents), ["work"]);
  }
  // An agent uploads a file to a task of its own; the storage refuses it unless its length is declared.
  const task = toItemKey(team.project, takeItem(team.sharedItems));
  const uploader = await createFetchClient(url, toToken("Thot"));
  expect(isAnswer(await uploader.call("claim_task", { task }))).toBe(true);
  const file = { task, name: "report.txt", text: "The report." };
  expect(await uploader.upload(file, "All is well.")).toHaveProperty("answer");
  // No poll finds this one, so it was kept when it was answered.
  await completeTask(team, wanted, async () => {
    await team.sendWebhooks();
    await team.host.restart();
  });
  await team.waitUntilIdle(["work"]);

  const completions = readCompletions(team.telegram, SIMULATED_CHAT);
  const evictions = team.countEvictions();
  console.info("evictions:", evictions, "tasks:", wanted.length, "marked as a repeat:", completions.marked);
  expect(evictions).toBeGreaterThan(pickSize(20, 2));
  expect(completions.total - completions.totalMarked).toBeLessThanOrEqual(wanted.length);
  expect(findUnexpected(completions, wanted)).toEqual([]);
  expect(findDuplicated(completions)).toEqual([]);
  expect(completions.marked).toBeLessThanOrEqual(evictions + 1);
});

test.runIf(IS_FULL_RUN).each(["before", "after"] as const)(
  "an eviction of the object %s the digest reaches Telegram leads to one digest, and to a repeat only with a mark",
  async (when) => {
    const team = await startEvictableTeam({ first: { nth: 1, when, of: /sendMessage/ } });
    await team.waitForTexts(DIGEST);
    await team.waitUntilIdle();
    await team.runTick("digest");
    await team.waitUntilIdle();
    const marks = findBotTexts(team.telegram, DIGEST).map((text) => text.includes(REPEAT_NOTE));
    expect(marks).toEqual(when === "before" ? [true] : [false, true]);
  },
  FULL_LIMIT_MS,
);
