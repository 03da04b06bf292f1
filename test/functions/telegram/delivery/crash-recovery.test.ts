import { describe, expect, test } from "vitest";
import type { OutboxDeps } from "../../../../functions/telegram/delivery/context.ts";
import { createReplyJob } from "../../../../shared/jobs/outgoing-jobs.ts";
import { chatMessageSet } from "../../../../shared/telegram/message-log.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createCrashingProcess } from "../../../support/crashing-process.ts";
import {
  createNotices,
  createOutboxSetup,
  enqueueNotices,
  OUTBOX_CHAT,
  type OutboxSetup,
  parseTaskKeys,
  wrapBot,
} from "../outbox-setup.ts";

const REPEAT_MARK = "(may be a repeat)";

/** Least number of steps of a job here; any of them reads, commits and calls Telegram. */
const MIN_STEPS = 4;

type When = "before" | "after";

/** A kill before a step leaves what one after the step before it leaves: only the full run tries both. */
const KILLS = pickSize<When[]>(["before", "after"], ["after"]);

const STALLS = [
  { when: "after", clock: "running" },
  { when: "before", clock: "stopped" },
  { when: "after", clock: "stopped" },
  { when: "before", clock: "running" },
] as const;

const handleNext = async (setup: OutboxSetup) => setup.handleJob(await setup.takeJob());

async function showMessage(setup: OutboxSetup) {
  await setup.handleDueJobs();
  setup.time.now += 1_500;
}

async function findMessageDeleted(setup: OutboxSetup) {
  await setup.handleDueJobs();
  setup.telegram.removeMessage(OUTBOX_CHAT, 1);
  setup.time.now += 1_500;
  await handleNext(setup);
  setup.time.now += 1_050;
}

const BOTH = ["ONB-1", "ONB-2"];

/** Jobs to interrupt: what is handled before, the task keys in the final message, whether the job sends a message. */
const SCENARIOS: { name: string; prepare: (setup: OutboxSetup) => unknown; shown: string[]; sends: boolean }[] = [
  { name: "sending a message", prepare: () => {}, shown: ["ONB-1"], sends: true },
  { name: "merging a notification into a burst", prepare: handleNext, shown: BOTH, sends: false },
  { name: "editing a message", prepare: showMessage, shown: BOTH, sends: false },
  { name: "sending a deleted message again", prepare: findMessageDeleted, shown: BOTH, sends: true },
];

/** Routes each call of the outbox to the store and to Telegram through `step`, with its number; keeps their names. */
function wrapSteps(setup: OutboxSetup, step: <T>(n: number, act: () => Promise<T>) => Promise<T>) {
  const reached: string[] = [];
  const through =
    <A extends unknown[], T>(name: string, act: (...args: A) => Promise<T>) =>
    (...args: A) => {
      reached.push(name);
      return step(reached.length - 1, () => act(...args));
    };
  const { store, bot } = setup;
  const steps = {
    ...store,
    now: through("now", store.now),
    commit: through("commit", store.commit),
    consumeAll: through("spend", store.consumeAll),
    pause: through("hold", store.pause),
    read: <T>(keys: string[]) => through("read", () => store.read<T>(keys))(),
  };
  const deps: Partial<OutboxDeps> = { store: steps, telegram: wrapBot(bot, (call) => through("telegram", call)()) };
  return { deps, reached };
}

/** Handles the due job in a process that is killed at step `at`; false when it was handled before that step. */
async function handleUntilCrash(setup: OutboxSetup, at: number, when: When): Promise<boolean> {
  const process = createCrashingProcess({ nth: at + 1, when }, () => true);
  const store = process.wrap(setup.store, ["now", "commit", "consumeAll", "pause", "read"]);
  const handled = setup.handleJob(await setup.takeJob(), { store, telegram: process.wrap(setup.bot) });
  await Promise.race([handled, process.crashed]);
  return process.state.over;
}

/** Handles the due job in a process that is frozen at step `at` until `wake`; without that step it is finished. */
async function handleFrozen(setup: OutboxSetup, at: number, { when, clock }: { when: When; clock: string }) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const state = { isAsleep: false, isFinished: false };
  const sleep = () => {
    state.isAsleep = true;
    return promise;
  };
  const { deps, reached } = wrapSteps(setup, async (n, act) => {
    if (n === at && when === "before") await sleep();
    const result = await act();
    if (n === at && when === "after") await sleep();
    return result;
  });
  const clockDeps = clock === "running" ? {} : { clock: () => 0 };
  const handled = setup.handleJob(await setup.takeJob(), { ...deps, ...clockDeps }).finally(() => {
    state.isFinished = true;
  });
  while (!state.isFinished && !state.isAsleep) await new Promise((done) => setImmediate(done));
  const wake = async () => {
    resolve();
    await handled;
  };
  return { reached, wake, isFinished: state.isFinished };
}

/** Runs `scenario` for step 0, 1, … until it reports that its job was handled without reaching the step. */
async function repeatForEachStep(scenario: (at: number) => Promise<boolean>): Promise<void> {
  let steps = 0;
  while (await scenario(steps)) steps += 1;
  expect(steps, "number of interrupted steps").toBeGreaterThanOrEqual(MIN_STEPS);
}

async function createScenario({ prepare, shown }: (typeof SCENARIOS)[number]) {
  const setup = await createOutboxSetup({ burst: 600_000 });
  await enqueueNotices(setup.store, createNotices(1, shown.length));
  await prepare(setup);
  return setup;
}

describe.each(SCENARIOS)("$name", (scenario) => {
  const { shown, sends } = scenario;

  test.each(KILLS)("(reliability 2) a crash %s each step loses nothing and marks a repeat", async (when) => {
    let marked = 0;
    await repeatForEachStep(async (at) => {
      const setup = await createScenario(scenario);
      if (!(await handleUntilCrash(setup, at, when))) return false;
      setup.time.now += setup.jobHandler.leaseMs;
      await setup.runUntilEmpty();
      const now = setup.getTexts();
      const isMarked = now.map((text) => text.includes(REPEAT_MARK));
      expect(parseTaskKeys(now.at(-1)), `step ${at}`).toEqual(shown);
      expect(sends ? [[false], [true], [false, true]] : [[false]], `step ${at}`).toContainEqual(isMarked);
      if (now.length > 1) marked += 1;
      expect(await setup.store.listDeadJobs("outbox")).toEqual([]);
      await setup.telegram.stop();
      return true;
    });
    // The message is only sent twice after a crash between the send and the commit that follows it.
    expect(marked).toBe(sends ? 1 : 0);
  });

  test.each(STALLS.slice(0, pickSize(4, 2)))(
    "a process frozen past its lease $when each step, with its clock $clock, changes nothing that another has done",
    async (stall) => {
      await repeatForEachStep(async (at) => {
        const setup = await createScenario(scenario);
        const { reached, wake, isFinished } = await handleFrozen(setup, at, stall);
        if (isFinished) return false;
        const before = reached.slice(0, at + 1);
        setup.time.now += setup.jobHandler.leaseMs;
        await setup.enqueue(50);
        await setup.runUntilEmpty();
        setup.time.now += 1_000;
        await wake();
        await setup.runUntilEmpty();
        const now = setup.getTexts();
        const step = `step ${at}, ${before.at(-1)}`;
        expect([...new Set(now.flatMap(parseTaskKeys))].sort(), step).toEqual([...shown, "ONB-50"].sort());
        for (const text of now) expect(parseTaskKeys(text), step).toEqual([...new Set(parseTaskKeys(text))]);
        const copies = now.filter((text) => parseTaskKeys(text).includes(shown.at(-1) ?? ""));
        // With a stopped clock the process cannot know, between the attempt and the call, that its lease has expired.
        const mayDouble = before.includes("telegram") || (stall.clock !== "running" && before.includes("commit"));
        expect(copies.length, step).toBeLessThanOrEqual(sends && mayDouble ? 2 : 1);
        expect(copies.filter((text) => !text.includes(REPEAT_MARK)).length, step).toBeLessThanOrEqual(1);
        if (stall.clock === "running" && !before.includes("telegram")) expect(reached).not.toContain("telegram");
        await setup.telegram.stop();
        return true;
      });
    },
  );
});

const ANSWER = { rich: { text: "Hello", entities: [] }, language: "en" as const };

test.each(KILLS)("(reliability 14) a crash %s each step of a reply loses nothing and marks a repeat", async (when) => {
  let marked = 0;
  await repeatForEachStep(async (at) => {
    const setup = await createOutboxSetup();
    await setup.store.commit({ jobs: [createReplyJob(OUTBOX_CHAT, ANSWER, "1", "c1")] });
    if (!(await handleUntilCrash(setup, at, when))) return false;
    setup.time.now += setup.jobHandler.leaseMs;
    await setup.runUntilEmpty();
    expect((await setup.store.stats()).queues.outbox.pending, `step ${at}`).toBe(0);
    const [first, second, ...more] = setup.getTexts();
    expect([first === "Hello" || first === `Hello\n${REPEAT_MARK}`, more], `step ${at}`).toEqual([true, []]);
    if (second !== undefined) {
      expect(second).toBe(`Hello\n${REPEAT_MARK}`);
      marked += 1;
    }
    return true;
  });
  expect(marked).toBe(1);
});

test.each(["notification", "reply"])("a short store outage after a %s neither repeats nor loses it", async (type) => {
  const setup = await createOutboxSetup({ burst: 600_000 });
  if (type === "reply") await setup.store.commit({ jobs: [createReplyJob(OUTBOX_CHAT, ANSWER, "1", "c1")] });
  else await setup.enqueue(1);
  let failures = 2;
  let isSent = false;
  const telegram = wrapBot(setup.bot, (call) => {
    isSent = true;
    return call();
  });
  const commit: typeof setup.store.commit = async (commitRequest) => {
    if (isSent && failures > 0) {
      failures -= 1;
      throw new Error("the store is unavailable");
    }
    return setup.store.commit(commitRequest);
  };
  await setup.handleJob(await setup.takeJob(), { telegram, store: { ...setup.store, commit } });
  await setup.runUntilEmpty();
  expect(setup.getTexts()).toEqual([expect.not.stringContaining(REPEAT_MARK)]);
  expect((await setup.store.scan(chatMessageSet)).rows).toHaveLength(1);
});
