import type { OutboxDeps } from "../../../functions/telegram/work.ts";
import { CHAT, type Rig, wrapped } from "./rig.ts";

export const MARK = "(may be a repeat)";

interface Steps {
  deps: Partial<OutboxDeps>;
  /** What was reached, in order: `read`, `commit`, …, `telegram`. */
  reached: string[];
}

/** Everything the outbox does to the world goes through `step`, by number. */
function stepped(rig: Rig, step: <T>(n: number, act: () => Promise<T>) => Promise<T>): Steps {
  const reached: string[] = [];
  const through =
    <A extends unknown[], T>(name: string, act: (...args: A) => Promise<T>) =>
    (...args: A) => {
      reached.push(name);
      return step(reached.length - 1, () => act(...args));
    };
  const { store, bot } = rig;
  const steps = {
    ...store,
    now: through("now", store.now),
    commit: through("commit", store.commit),
    spendAll: through("spend", store.spendAll),
    hold: through("hold", store.hold),
    read: <T>(wanted: string[]) => through("read", () => store.read<T>(wanted))(),
  };
  return { deps: { store: steps, telegram: wrapped(bot, (call) => through("telegram", call)()) }, reached };
}

/** A process that is killed at step `at`, before or after the step took effect: from then on it does nothing. */
export function killedAt(rig: Rig, at: number, when: "before" | "after"): Steps & { dead: () => boolean } {
  let dead = false;
  const kill = (): never => {
    dead = true;
    throw new Error("killed");
  };
  const steps = stepped(rig, async (n, act) => {
    if (dead || (n === at && when === "before")) kill();
    const result = await act();
    return n === at ? kill() : result;
  });
  return { ...steps, dead: () => dead };
}

/** A process that sleeps before or after step `at` took effect, until it is woken. */
export function frozenAt(
  rig: Rig,
  at: number,
  when: "before" | "after" = "before",
): Steps & { asleep: () => boolean; wake: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asleep = false;
  const sleep = async () => {
    asleep = true;
    await promise;
  };
  const steps = stepped(rig, async (n, act) => {
    if (n === at && when === "before") await sleep();
    const result = await act();
    if (n === at && when === "after") await sleep();
    return result;
  });
  return { ...steps, asleep: () => asleep, wake: resolve };
}

export const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

export async function takeOne(rig: Rig) {
  const [job] = await rig.take();
  if (!job) throw new Error("no job is due");
  return job;
}

/** Brings a rig to the moment before the job in question, and says what must be shown in the end. */
export const SCENES: { name: string; prepare: (rig: Rig) => Promise<void>; shown: string[]; sends: boolean }[] = [
  { name: "sending a message", prepare: async () => {}, shown: ["ONB-1"], sends: true },
  {
    name: "folding a notice",
    prepare: async (rig) => {
      await rig.work(await takeOne(rig));
    },
    shown: ["ONB-1", "ONB-2"],
    sends: false,
  },
  {
    name: "editing a message",
    prepare: async (rig) => {
      await rig.due();
      rig.time.now += 1_500;
    },
    shown: ["ONB-1", "ONB-2"],
    sends: false,
  },
  {
    name: "sending anew what was deleted",
    prepare: async (rig) => {
      await rig.due();
      rig.telegram.remove(CHAT, 1);
      rig.time.now += 1_500;
      await rig.work(await takeOne(rig));
      rig.time.now += 1_050;
    },
    shown: ["ONB-1", "ONB-2"],
    sends: true,
  },
];
