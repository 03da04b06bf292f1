import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { createSteadyClock, openStore } from "../../../runtime/stores/open-store.ts";
import { createSqliteStore } from "../../../runtime/stores/sqlite-store.ts";
import { readAllRows } from "../../../shared/store/records.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { createTestFolder } from "../../support/test-folder.ts";
import { runStoreProcess, startStoreProcess } from "./store-process.ts";

describe("the embedded file", () => {
  let folder: string;
  let url: string;
  beforeEach(() => {
    folder = join(createTestFolder("sqlite"), "data");
    url = `file:${folder}`;
  });
  async function open() {
    const store = await openStore(url, { prefix: "t" });
    onTestFinished(() => store.close());
    return store;
  }

  const rounds = pickSize(30, 1);
  test(
    `REL-1 kill -9 at the peak of writing loses nothing that was acknowledged, ${rounds} times`,
    async () => {
      const acknowledged = new Set<number>();
      for (let round = 1; round <= rounds; round++) {
        rmSync(folder, { recursive: true, force: true });
        acknowledged.clear();
        await new Promise<void>((resolve, reject) => {
          const child = startStoreProcess("write", url, (line) => {
            if (line.startsWith("kept ")) acknowledged.add(Number(line.slice(5)));
            if (acknowledged.size === 100 * round) child.kill().then(resolve, reject);
          });
        });
        const store = await open();
        const rows = (await readAllRows<{ n: number; body: string }>({ store }, "all")).map(({ value }) => value);
        const stored = new Set(rows.map(({ n }) => n));
        expect([...acknowledged].filter((n) => !stored.has(n))).toEqual([]);
        expect(rows.every(({ body }) => body.length === 3000)).toBe(true);
        // Each commit whole: as many jobs as values.
        expect((await store.stats()).queues.inbox.pending).toBe(rows.length);
        await store.close();
      }
    },
    pickSize(300_000, 20_000),
  );

  test("opens at once after kill -9; taken jobs can be taken again, claims stay", async () => {
    await new Promise<void>((resolve, reject) => {
      const child = startStoreProcess("hold", url, (line) => {
        if (line === "held") child.kill().then(resolve, reject);
      });
    });
    const store = await open();
    expect(await store.take("outbox", 1000, 1)).toMatchObject([{ id: "held", tries: 2 }]);
    expect(await store.lease("claim:held", "other", 1000)).toMatchObject({ heldBy: "child" });
  });

  test("refuses a second process and a second opening while it is open, with what to do, and admits it afterwards", async () => {
    const store = await open();
    await store.commit({ put: [{ key: "a", value: 1 }] });
    await expect(open()).rejects.toThrow("already open in a running Groundcrew");
    const [refusal] = await runStoreProcess("open", url);
    expect(refusal).toMatch(/^refused The store .*groundcrew\.db is already open in a running Groundcrew.*Redis/);
    expect(await store.commit({ put: [{ key: "a", value: 1 }] })).toBe("committed");
    await store.close();
    expect(await runStoreProcess("open", url)).toEqual(["open"]);
  });

  test("is private: folder 0700, files 0600, even if the file was readable by everyone", async () => {
    const before = process.umask(0);
    try {
      const store = await open();
      await store.commit({ put: [{ key: "a", value: 1 }] });
      const modes = () =>
        ["", "groundcrew.db", "groundcrew.db-wal"].map((name) => statSync(join(folder, name)).mode & 0o777);
      expect(modes()).toEqual([0o700, 0o600, 0o600]);
      await store.close();
      chmodSync(join(folder, "groundcrew.db"), 0o644);
      await (await open()).commit({ put: [{ key: "a", value: 2 }] });
      expect(modes()).toEqual([0o700, 0o600, 0o600]);
    } finally {
      process.umask(before);
    }
  });

  test("that cannot grow rejects writes, still reads, and keeps all acknowledged data", async () => {
    const lines = await runStoreProcess("write", url, { fileLimit: 2_000 });
    const stored = lines.filter((line) => line.startsWith("kept ")).map((line) => Number(line.slice(5)));
    expect(stored.length).toBeGreaterThan(100);
    expect(lines.filter((line) => line.startsWith("rejected "))).toHaveLength(1);
    expect(lines).toContain("still reads 1");
    const store = await open();
    const found = await store.read(stored.map((n) => `k:${String(n).padStart(7, "0")}`));
    expect(found.filter((one) => one === undefined)).toEqual([]);
    expect(await store.commit({ put: [{ key: "room-again", value: 1 }] })).toBe("committed");
  });

  test.each([
    ["deleted", () => rmSync(folder, { recursive: true })],
    ["replaced", () => renameSync(folder, `${folder}.old`)],
  ])("that is %s while it is open rejects further writes with the reason", async (_, lose) => {
    const store = await open();
    expect(await store.commit({ put: [{ key: "a", value: 1 }] })).toBe("committed");
    lose();
    const write = store.commit({ put: [{ key: "b", value: 1 }] });
    await expect(write).rejects.toThrow(/deleted or replaced.*start Groundcrew/);
    mkdirSync(folder);
    writeFileSync(join(folder, "groundcrew.db"), "");
    await expect(store.lease("c", "ann", 1000)).rejects.toMatchObject({ code: "unavailable" });
  });

  test("that cannot be created or is not a database is refused with its path", async () => {
    writeFileSync(join(folder, "..", "file"), "");
    const opening = openStore(`file:${join(folder, "..", "file", "data")}`, { prefix: "t" });
    await expect(opening).rejects.toThrow(/groundcrew\.db cannot be opened: .*ENOTDIR/);
    await (await open()).close();
    writeFileSync(join(folder, "groundcrew.db"), "not a database, ".repeat(1000));
    await expect(open()).rejects.toThrow(/groundcrew\.db cannot be opened: .*not a database/);
  });

  test("deletes expired values, done jobs, fences and budgets", async () => {
    const time = { now: 1_000_000 };
    const store = createSqliteStore({ folder, clock: () => time.now, remember: 1000 });
    onTestFinished(() => store.close());
    for (let i = 0; i < 300; i++) {
      const jobs = [{ id: `j${i}`, queue: "inbox" as const, lane: `l${i}`, body: i }];
      await Promise.all([
        store.commit({ put: [{ key: `k${i}`, value: i, sets: [`s${i}`], expires: 500 }], jobs }),
        store.lease(`claim:${i}`, "ann", 10),
        store.consume(`b${i}`, 1, 5, 500),
        store.pause(`b${i}`, 500),
      ]);
    }
    for (const job of await store.take("inbox", 1000, 300)) await store.acknowledge(job, { done: true });
    time.now += 10_000;
    for (let i = 0; i < 8; i++) await store.take("inbox", 1000, 1);
    await store.close();
    const file = new DatabaseSync(join(folder, "groundcrew.db"));
    for (const table of ["record", "member", "lease", "job", "lane", "done", "dead", "consumed", "pause"]) {
      expect([table, file.prepare(`SELECT count(*) AS n FROM ${table}`).get()]).toEqual([table, { n: 0 }]);
    }
    file.close();
  });
});

test("REL-9 the clock of the embedded file starts with the wall clock and does not follow its corrections", async () => {
  onTestFinished(() => void vi.useRealTimers());
  const clock = createSteadyClock();
  const before = clock();
  expect(Math.abs(before - Date.now())).toBeLessThan(1000);
  for (const hours of [-1, 1]) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + hours * 3_600_000 });
    expect(clock() - before).toBeGreaterThanOrEqual(0);
    expect(clock() - before).toBeLessThan(10_000);
    vi.useRealTimers();
  }
});

test("STORE_URL names a folder below the current one, or an absolute one by file:/… and file:///…", async () => {
  const folder = createTestFolder("open");
  const before = process.cwd();
  onTestFinished(() => process.chdir(before));
  process.chdir(folder);
  const urls = { "file:./data": "data", "file:other": "other", "file:a b/c": "a b/c", [`file:${folder}/one`]: "one" };
  for (const [url, path] of Object.entries({ ...urls, [pathToFileURL(`${folder}/two é`).href]: "two é" })) {
    await (await openStore(url, { prefix: "t" })).close();
    expect([url, existsSync(join(folder, path, "groundcrew.db"))]).toEqual([url, true]);
  }
});

test.each([
  ["postgres://u:hunter2@db/x", "postgres:…"],
  ["./hunter2", "a URL without a scheme"],
  ["", "a URL without a scheme"],
])("STORE_URL %s is refused with the accepted forms, and the message shows only its scheme", async (url, shown) => {
  await expect(openStore(url, { prefix: "t" })).rejects.toThrow(
    `STORE_URL must be file:<folder>, redis://…, rediss://…, redis+sentinel://… or memory:, not ${shown}.`,
  );
});
