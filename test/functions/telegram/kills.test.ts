import { describe, expect, test } from "vitest";
import type { OutboxDeps } from "../../../functions/telegram/work.ts";
import { CHAT, createRig, keys, notices, put, type Rig, texts, wrapped } from "./rig.ts";

const MARK = "(may be a repeat)";

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
    spend: through("spend", store.spend),
    hold: through("hold", store.hold),
    read: <T>(wanted: string[]) => through("read", () => store.read<T>(wanted))(),
  };
  return { deps: { store: steps, telegram: wrapped(bot, (call) => through("telegram", call)()) }, reached };
}

/** A process that is killed at step `at`, before or after the step took effect: from then on it does nothing. */
function killedAt(rig: Rig, at: number, when: "before" | "after"): Steps & { dead: () => boolean } {
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

/** A process that sleeps before step `at` until it is woken. */
function frozenAt(rig: Rig, at: number): Steps & { wake: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const steps = stepped(rig, async (n, act) => {
    if (n === at) await promise;
    return act();
  });
  return { ...steps, wake: resolve };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

async function takeOne(rig: Rig) {
  const [job] = await rig.take();
  if (!job) throw new Error("no job is due");
  return job;
}

/** Brings a rig to the moment before the job in question, and says what must be shown in the end. */
const SCENES: { name: string; prepare: (rig: Rig) => Promise<void>; shown: string[]; sends: boolean }[] = [
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
      rig.time.now += 1_000;
    },
    shown: ["ONB-1", "ONB-2"],
    sends: true,
  },
];

describe.each(SCENES)("a kill while $name (reliability 2)", ({ prepare, shown, sends }) => {
  test.each(["before", "after"] as const)("%s each step: nothing is lost, and a repeat is marked", async (when) => {
    let marked = 0;
    for (let at = 0; ; at += 1) {
      const rig = await createRig({ burst: 600_000 });
      await put(rig.store, notices(1, shown.length));
      await prepare(rig);
      const killed = killedAt(rig, at, when);
      const job = await takeOne(rig);
      await rig.work(job, killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.worker.ttl;
      await rig.run();
      const now = texts(rig.telegram);
      expect(keys(now.at(-1)), `step ${at}`).toEqual(shown);
      expect(now.filter((text) => !text.includes(MARK)).length, `step ${at}`).toBeLessThanOrEqual(1);
      if (!sends) expect(now.join(), `step ${at}`).not.toContain(MARK);
      if (now.length > 1) {
        marked += 1;
        expect(now, `step ${at}`).toHaveLength(2);
        expect(now.at(-1), `step ${at}`).toContain(MARK);
      }
      expect(await rig.store.dead("outbox")).toEqual([]);
      await rig.telegram.stop();
    }
    // Doubled only when killed between Telegram's doing it and the commit that follows.
    expect(marked).toBe(sends ? 1 : 0);
  });
});

describe.each(SCENES)("a process frozen past its lease while $name", ({ prepare, shown, sends }) => {
  test("at each step: when it wakes, it changes nothing that others have done", async () => {
    let reachedEnd = false;
    for (let at = 0; !reachedEnd; at += 1) {
      const rig = await createRig({ burst: 600_000 });
      await put(rig.store, notices(1, shown.length));
      await prepare(rig);
      const frozen = frozenAt(rig, at);
      const job = await takeOne(rig);
      let over = false;
      const sleeping = rig.work(job, frozen.deps).finally(() => {
        over = true;
      });
      await until(() => over || frozen.reached.length > at);
      reachedEnd = over;
      rig.time.now += rig.worker.ttl;
      await put(rig.store, notices(50, 50));
      await rig.run();
      frozen.wake();
      await sleeping;
      await rig.run();
      const now = texts(rig.telegram);
      const all = [...new Set(now.flatMap(keys))];
      expect(all.sort(), `step ${at}`).toEqual([...shown, "ONB-50"].sort());
      const copies = now.filter((text) => keys(text).includes(shown.at(-1) ?? ""));
      const unmarked = copies.filter((text) => !text.includes(MARK));
      expect(copies.length, `step ${at}`).toBeLessThanOrEqual(sends && frozen.reached.includes("telegram") ? 2 : 1);
      expect(unmarked.length, `step ${at}`).toBeLessThanOrEqual(1);
      await rig.telegram.stop();
    }
  });
});

test("an edit that a frozen process makes late is put right", async () => {
  const rig = await createRig({ burst: 600_000 });
  await put(rig.store, notices(1, 2));
  await rig.due();
  rig.time.now += 1_500;
  const frozen = frozenAt(rig, 0);
  const deps = { ...frozen.deps, store: rig.store, clock: () => 0 };
  const sleeping = rig.work(await takeOne(rig), deps);
  await until(() => frozen.reached.includes("telegram"));
  await put(rig.store, notices(3, 3));
  rig.time.now += rig.worker.ttl;
  await rig.run();
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
  rig.time.now += 1_000;
  frozen.wake();
  await sleeping;
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2"]]);
  await rig.run();
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1", "ONB-2", "ONB-3"]]);
});

test("a store that fails for a moment after the send does not double the message", async () => {
  const rig = await createRig({ burst: 600_000 });
  await put(rig.store, notices(1, 1));
  let failures = 2;
  let sent = false;
  const telegram = wrapped(rig.bot, (call) => {
    sent = true;
    return call();
  });
  const commit: typeof rig.store.commit = async (what) => {
    if (sent && failures > 0) {
      failures -= 1;
      throw new Error("the store is away");
    }
    return rig.store.commit(what);
  };
  await rig.work(await takeOne(rig), { telegram, store: { ...rig.store, commit } });
  await rig.run();
  expect(texts(rig.telegram).map(keys)).toEqual([["ONB-1"]]);
});
