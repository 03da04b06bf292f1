import { expect } from "vitest";
import type { OutboxDeps } from "../../../functions/telegram/delivery/context.ts";
import { OUTBOX_CHAT, type OutboxSetup, wrapBot } from "./outbox-setup.ts";

/** Least number of steps of a job here; any of them reads, commits and calls Telegram. */
const MIN_STEPS = 4;

export const REPEAT_MARK = "(may be a repeat)";

interface OutboxSteps {
  deps: Partial<OutboxDeps>;
  /** Names of the steps that were started, in order: `read`, `commit`, …, `telegram`. */
  reached: string[];
}

/** Routes each call of the outbox to the store and to Telegram through `step`, with its number. */
function wrapSteps(setup: OutboxSetup, step: <T>(n: number, act: () => Promise<T>) => Promise<T>): OutboxSteps {
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
  return { deps: { store: steps, telegram: wrapBot(bot, (call) => through("telegram", call)()) }, reached };
}

/** Simulates a process that is killed at step `at`, before or after the step takes effect. Later steps fail. */
function crashOutboxAt(
  setup: OutboxSetup,
  at: number,
  when: "before" | "after",
): OutboxSteps & { dead: () => boolean } {
  let dead = false;
  const crash = (): never => {
    dead = true;
    throw new Error("killed");
  };
  const steps = wrapSteps(setup, async (n, act) => {
    if (dead || (n === at && when === "before")) crash();
    const result = await act();
    return n === at ? crash() : result;
  });
  return { ...steps, dead: () => dead };
}

/**
 * Handles the due job in a process that is killed at step `at`; false when the job was handled before that step. Rejects
 * with any error that the kill did not cause.
 */
export async function handleUntilCrash(setup: OutboxSetup, at: number, when: "before" | "after"): Promise<boolean> {
  const killed = crashOutboxAt(setup, at, when);
  await setup.handleJob(await takeOutboxJob(setup), killed.deps).catch((thrown: unknown) => {
    if (!killed.dead()) throw thrown;
  });
  return killed.dead();
}

/**
 * Runs `scenario` for step 0, 1, … until it reports that its job was handled without reaching the step. Fails when there
 * were hardly any steps, because then nothing was interrupted.
 */
export async function repeatForEachStep(scenario: (at: number) => Promise<boolean>): Promise<void> {
  let steps = 0;
  while (await scenario(steps)) steps += 1;
  expect(steps, "number of interrupted steps").toBeGreaterThanOrEqual(MIN_STEPS);
}

/** Simulates a process that is frozen before or after step `at` takes effect, until `wake` is called. */
export function freezeOutboxAt(
  setup: OutboxSetup,
  at: number,
  when: "before" | "after" = "before",
): OutboxSteps & { asleep: () => boolean; wake: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asleep = false;
  const sleep = async () => {
    asleep = true;
    await promise;
  };
  const steps = wrapSteps(setup, async (n, act) => {
    if (n === at && when === "before") await sleep();
    const result = await act();
    if (n === at && when === "after") await sleep();
    return result;
  });
  return { ...steps, asleep: () => asleep, wake: resolve };
}

export const waitUntil = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

export async function takeOutboxJob(setup: OutboxSetup) {
  const [job] = await setup.takeJobs();
  if (!job) throw new Error("no job is due");
  return job;
}

/**
 * Jobs to interrupt. `prepare` handles the jobs before the interrupted one; `shown` are the task keys in the final
 * message; `sends` is whether the interrupted job sends a message.
 */
export const OUTBOX_SCENARIOS: {
  name: string;
  prepare: (setup: OutboxSetup) => Promise<void>;
  shown: string[];
  sends: boolean;
}[] = [
  { name: "sending a message", prepare: async () => {}, shown: ["ONB-1"], sends: true },
  {
    name: "merging a notification into a burst",
    prepare: async (setup) => {
      await setup.handleJob(await takeOutboxJob(setup));
    },
    shown: ["ONB-1", "ONB-2"],
    sends: false,
  },
  {
    name: "editing a message",
    prepare: async (setup) => {
      await setup.handleDueJobs();
      setup.time.now += 1_500;
    },
    shown: ["ONB-1", "ONB-2"],
    sends: false,
  },
  {
    name: "sending a deleted message again",
    prepare: async (setup) => {
      await setup.handleDueJobs();
      setup.telegram.removeMessage(OUTBOX_CHAT, 1);
      setup.time.now += 1_500;
      await setup.handleJob(await takeOutboxJob(setup));
      setup.time.now += 1_050;
    },
    shown: ["ONB-1", "ONB-2"],
    sends: true,
  },
];
