import { describe, expect, test } from "vitest";
import type { Item } from "../../simulators/plane/types.ts";
import { type CallResult, createFetchClient } from "../reliability/agent-clients.ts";
import { findDuplicated, findUnexpected, readCompletions } from "../reliability/completions.ts";
import { createLoggedRandom, IS_FULL_RUN, pickSize } from "../reliability/random-source.ts";
import { findBotTexts, SIMULATED_CHAT, toItemKey } from "../reliability/simulators.ts";
import type { EffectPoint } from "./effect-gate.ts";
import { createPersistentAgents, type EvictableTeam, startEvictableTeam } from "./evictable-team.ts";
import { toToken } from "./portable-team.ts";

const FULL_LIMIT_MS = 1_800_000;
/** Limit of requests per case: more than any of them causes, so that each is evicted at all of its requests. */
const MAX_REQUESTS = 30;
/** Cases per kind of the small run; it only shows that evictions happen and are survived. */
const SMALL_POINTS = 1;
/** Rounds in which two agents claim a task while the object is evicted. */
const CLAIM_ROUNDS = 20;
/** Time in which two claims are answered, so that an eviction within it is often in their middle. */
const CLAIM_MS = 120;
/** Begins the digest. */
const DIGEST = "Daily";
const REPEAT_NOTE = "may be a repeat";

/** Every request of a case in turn, each once before Plane or Telegram sees it and once after. */
const POINTS: readonly EffectPoint[] = Array.from({ length: pickSize(2 * MAX_REQUESTS, SMALL_POINTS) }, (_, i) => ({
  nth: Math.floor(i / 2) + 1,
  when: i % 2 === 0 ? "before" : "after",
}));

const isAnswer = (result: CallResult | undefined) => result !== undefined && "answer" in result;

function takeItem(items: Item[]): Item {
  const item = items.shift();
  if (!item) throw new Error("the team has too few tasks for these cases");
  return item;
}

/** Runs a case with an eviction at each of its requests, until it has no more. */
async function runAtEachRequest(
  team: EvictableTeam,
  name: string,
  runCase: () => Promise<void>,
  later?: readonly string[],
) {
  for (const [i, point] of POINTS.entries())
    if (!(await team.runWithEviction(point, runCase, later))) return console.info(`${name}: ${i} evictions`);
  if (IS_FULL_RUN) throw new Error(`The case makes more than ${MAX_REQUESTS} requests.`);
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
async function claimByTwo(team: EvictableTeam, agents: Awaited<ReturnType<typeof createPersistentAgents>>) {
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
async function askQuestion(team: EvictableTeam, agents: Awaited<ReturnType<typeof createPersistentAgents>>) {
  const { task, holder } = await claimByTwo(team, agents);
  const text = `Which colour for ${task}?`;
  expect(isAnswer(await holder("update_task_status", { task, status: "in_progress" }))).toBe(true);
  expect(isAnswer(await holder("ask_human", { task, text, choices: ["Red", "Blue"] }))).toBe(true);
  await team.waitForTexts(text);
  await team.pressButtonUntilTaken(text, "Red");
  await team.waitFor(async () => expect(JSON.stringify(await holder("get_task_details", { task }))).toContain("Red"));
  const unmarked = findBotTexts(team.telegram, text).filter((sent) => !sent.includes(REPEAT_NOTE));
  expect(unmarked.length).toBeLessThanOrEqual(1);
}

/** An agent uploads a file to a task of its own; the storage refuses it unless its length is declared. */
async function uploadFile(team: EvictableTeam) {
  const task = toItemKey(team.project, takeItem(team.sharedItems));
  const client = await createFetchClient(team.host.url, toToken("Thot"));
  expect(isAnswer(await client.call("claim_task", { task }))).toBe(true);
  const input = { task, name: "report.txt", text: "The report." };
  expect(await client.upload(input, "All is well.")).toHaveProperty("answer");
}

describe("an eviction of the object before and after each request to Plane and Telegram", () => {
  test(
    "loses no change, question or answer, and repeats nothing without a mark",
    async () => {
      const [tasks, shared] = [2 * POINTS.length, 2 * POINTS.length + 1];
      const team = await startEvictableTeam({ tasks, shared, first: { nth: 1, when: "after", of: /\/projects\// } });
      await team.waitForEviction();
      // The first poll was cut off and no other one is due, so it is the same one that reads these tasks.
      await team.waitFor(async () => expect(await (await team.request("/api/board")).text()).toMatch(/"total":[1-9]/));
      await team.waitUntilIdle();
      const wanted: string[] = [];
      await runAtEachRequest(team, "webhook", () => completeTask(team, wanted, team.deliverWebhooks));
      const agents = await createPersistentAgents(team);
      await runAtEachRequest(team, "claim", () => claimByTwo(team, agents).then(() => {}));
      if (IS_FULL_RUN) {
        await runAtEachRequest(team, "lost webhook", () =>
          completeTask(team, wanted, async () => {
            team.takeWebhookBodies();
            await team.pollUntilDone();
          }),
        );
        await runAtEachRequest(team, "question", () => askQuestion(team, agents), ["work"]);
      }
      await uploadFile(team);
      const completions = readCompletions(team.telegram, SIMULATED_CHAT);
      const evictions = team.countEvictions();
      console.info("evictions:", evictions, "tasks:", wanted.length, "marked as a repeat:", completions.marked);
      expect(evictions).toBeGreaterThan(pickSize(20, 2));
      expect(completions.total - completions.totalMarked).toBeLessThanOrEqual(wanted.length);
      expect(findUnexpected(completions, wanted)).toEqual([]);
      expect(findDuplicated(completions)).toEqual([]);
      expect(completions.marked).toBeLessThanOrEqual(evictions);
    },
    FULL_LIMIT_MS,
  );
});

describe.runIf(IS_FULL_RUN)("an eviction of the object at any moment", () => {
  test(
    "leaves a task that two agents claim at once to the one who got it",
    async () => {
      const random = createLoggedRandom("claims over evictions");
      const team = await startEvictableTeam({ tasks: 0, shared: CLAIM_ROUNDS });
      await team.pollUntilDone();
      await team.waitUntilIdle();
      const agents = await createPersistentAgents(team);
      for (let round = 0; round < CLAIM_ROUNDS; round += 1) {
        const delay = random.below(CLAIM_MS);
        const evicting = new Promise((resolve) => setTimeout(resolve, delay)).then(() => team.evict());
        await Promise.all([claimByTwo(team, agents), evicting]);
      }
      expect(team.countEvictions()).toBe(CLAIM_ROUNDS);
    },
    FULL_LIMIT_MS,
  );

  test.each(["before", "after"] as const)(
    "%s the digest reaches Telegram leads to one digest, and to a repeat only with a mark",
    async (when) => {
      const team = await startEvictableTeam({ first: { nth: 1, when, of: /sendMessage/ } });
      await team.waitForEviction();
      await team.waitForTexts(DIGEST);
      await team.waitUntilIdle();
      await team.runTick("digest");
      await team.waitUntilIdle();
      const marks = findBotTexts(team.telegram, DIGEST).map((text) => text.includes(REPEAT_NOTE));
      expect(marks).toEqual(when === "before" ? [true] : [false, true]);
    },
    FULL_LIMIT_MS,
  );
});
