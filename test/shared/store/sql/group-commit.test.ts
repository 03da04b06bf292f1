import { expect, test } from "vitest";
import { createGroupCommit, type SqlDriver } from "../../../../shared/store/sql/database.ts";

/** A database that only counts its transactions, and whose next turn comes when the test allows it. */
function createCountingDriver() {
  const turns: (() => void)[] = [];
  const state = { sizes: [] as number[], lax: [] as boolean[], fails: false };
  const driver: SqlDriver = {
    exec: () => [],
    transaction(run, isLax = false) {
      run();
      if (state.fails) throw new Error("disk full");
      state.lax.push(isLax);
      state.sizes.push(log.length);
      log.length = 0;
    },
    soon: (run) => void turns.push(run),
    close() {},
  };
  const log: number[] = [];
  return { driver, state, log, turn: () => turns.shift()?.() };
}

test("group commit runs work of one turn in one transaction, in order, and resolves nothing before it has ended", async () => {
  const { driver, state, log, turn } = createCountingDriver();
  const group = createGroupCommit(driver);
  const seen: number[] = [];
  const all = [1, 2, 3].map((n) => group.queue(() => log.push(n)).then((done) => seen.push(done)));
  await Promise.resolve();
  expect([state.sizes, seen]).toEqual([[], []]);
  turn();
  await Promise.all(all);
  expect([state.sizes, seen]).toEqual([[3], [1, 2, 3]]);
});

test("group commit rejects all promises of a failed transaction, and the next one works", async () => {
  const { driver, state, turn } = createCountingDriver();
  const group = createGroupCommit(driver);
  state.fails = true;
  const lost = [1, 2, 3].map((n) => group.queue(() => n));
  turn();
  expect(await Promise.allSettled(lost)).toEqual(
    lost.map(() => ({ status: "rejected", reason: new Error("disk full") })),
  );
  state.fails = false;
  const stored = group.queue(() => 4);
  turn();
  expect(await stored).toBe(4);
});

test("group commit waits for the disk when one work item of the group requires it", async () => {
  const { driver, state, turn } = createCountingDriver();
  const group = createGroupCommit(driver);
  const groups = [[true, true], [true, false], [false]];
  for (const pieces of groups) {
    const all = Promise.all(pieces.map((isLax) => group.queue(() => 1, isLax)));
    turn();
    await all;
  }
  expect(state.lax).toEqual([true, false, false]);
});

test("group commit runs at most 500 work items per transaction", async () => {
  const { driver, state, log, turn } = createCountingDriver();
  const group = createGroupCommit(driver);
  const all = Promise.all(Array.from({ length: 1200 }, (_, n) => group.queue(() => log.push(n))));
  for (let i = 0; i < 3; i++) turn();
  await all;
  expect(state.sizes).toEqual([500, 500, 200]);
});
