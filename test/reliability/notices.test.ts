import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { type Runtime, startRuntime } from "../../runtime/start-runtime.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import type { NoticeKind } from "../../shared/notice-kinds.ts";
import { usersApi } from "../../shared/plane/projects.ts";
import { observedSets } from "../../shared/records/store-keys.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import { createTestSettings } from "../support/settings.ts";
import { createRandomSource } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, RELIABILITY_ADMIN_TOKEN, SIMULATED_CHAT, startSimulators } from "./simulators.ts";

const SECOND_MS = 1_000;
const DAY_MS = 86_400_000;
const LIMIT_MS = 60_000;
/** The ticks that observe something, with the interval at which the product runs them, in seconds. */
const OBSERVERS = { store: 15, plane: 15, notices: 60, instance: 600, poll: 300 } as const;

type NoticeApp = Awaited<ReturnType<typeof createNoticeApp>>;

/** What breaks something; returns what mends it. */
type Fault = (app: NoticeApp) => unknown;

/** The product with all its parts, whose ticks run only as time passes in the test. */
async function createNoticeApp({ redis, opensItself = false }: { redis?: TestRedis; opensItself?: boolean } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-notices-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const time = { now: Date.now() };
  const clock = () => time.now;
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS, clock });
  const project = simulators.addProject();
  const items = simulators.addItems(project, 3);
  const lines: Record<string, unknown>[] = [];
  const config = JSON.stringify({ agents: [{ name: "Thot", email: "thot@javisi.local" }] });
  const thot = simulators.plane.addUser({ name: "Thot", email: "thot@javisi.local" });
  const thotKey = simulators.plane.createApiKey(thot);
  const settings = createTestSettings(
    {
      ...simulators.env,
      PORT: "0",
      STORE_URL: redis?.url ?? `file:${folder}/data`,
      SECRETS_FILE: `${folder}/secrets.json`,
      PLANE_API_KEY_THOT: thotKey,
      GROUNDCREW_CONFIG: "crew.json",
      TIMEZONE: "UTC",
    },
    { "crew.json": config },
  );
  const quiet = {
    ...manifest,
    services: [],
    ticks: manifest.ticks.map((tick) => ({ ...tick, cron: () => "0 0 1 1 *" })),
  };
  let runtime: Runtime | undefined;
  onTestFinished(() => runtime?.stop());

  async function start() {
    const write = (line: string) => lines.push(JSON.parse(line));
    const store = opensItself ? {} : { store: await openStore(settings.store.url, { prefix: "t", clock }) };
    runtime = await startRuntime(settings, { manifest: quiet, write, overrides: { clock, ...store } });
    await runtime.deps.ticks.waitUntilIdle();
  }

  const getDeps = () => {
    if (!runtime) throw new Error("not running");
    return runtime.deps;
  };
  const app = {
    folder,
    redis,
    project,
    items,
    simulators,
    lines,
    thotKey,
    storeFile: join(folder, "data", "groundcrew.db"),
    get deps() {
      return getDeps();
    },
    start,
    async stop() {
      await runtime?.stop();
      runtime = undefined;
    },
    /** Runs the ticks whose time has come, for this many seconds. */
    async pass(seconds: number) {
      for (let passed = 0; passed < seconds; passed += 15) {
        time.now += 15 * SECOND_MS;
        const second = Math.floor(time.now / SECOND_MS / 15) * 15;
        for (const [name, interval] of Object.entries(OBSERVERS))
          if (second % interval === 0)
            await getDeps()
              .ticks.runNow(name)
              .catch(() => undefined);
        await getDeps().drain();
      }
    },
    advance: (ms: number) => {
      time.now += ms;
    },
    /** The messages in the chat: those of notices only. */
    readMessages: () => simulators.telegram.chat(SIMULATED_CHAT).messages.map(({ text }) => text),
    async request(path: string): Promise<Response> {
      const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}` };
      return fetch((runtime?.url ?? "") + path, { headers });
    },
    async readNotices(): Promise<{ kind: string; text: string; remedy: string }[]> {
      return ((await (await app.request("/api/notices")).json()) as { notices: [] }).notices;
    },
    async readMetric(name: string): Promise<string | undefined> {
      const text = await (await app.request("/metrics")).text();
      return text
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1);
    },
  };
  await start();
  await app.pass(30);
  return app;
}

/** Waits until a fault is said; returns the seconds that passed. */
async function passUntilSaid(app: NoticeApp, kind: NoticeKind, limit: number): Promise<number> {
  for (let seconds = 15; seconds <= limit; seconds += 15) {
    await app.pass(15);
    if ((await app.readNotices()).some((notice) => notice.kind === kind)) return seconds;
  }
  throw new Error(`${kind} is not said after ${limit} s: ${JSON.stringify(await app.readNotices())}`);
}

/** One row: the notice, its fault, the seconds within which it is said, its words, and those of its end. */
type Row = [kind: NoticeKind, fault: Fault, seconds: number, said: RegExp, over: RegExp];

/** Checks the whole life of a notice: said once and everywhere alike, ended once, and nothing else. */
async function expectLife(app: NoticeApp, [kind, fault, seconds, said, over]: Row) {
  expect(app.readMessages()).toEqual([]);
  expect(await app.readMetric(`groundcrew_notice{kind="${kind}"}`)).toBe("0");
  const mend = (await fault(app)) as () => unknown;
  const took = await passUntilSaid(app, kind, seconds);
  expect(took).toBeLessThanOrEqual(seconds);
  const [notice, ...others] = await app.readNotices();
  expect(others).toEqual([]);
  expect(app.readMessages()).toEqual([expect.stringMatching(said)]);
  expect(app.readMessages()[0]).toContain(`⚠️ ${notice?.text}\n👉 ${notice?.remedy}`);
  expect(await app.readMetric(`groundcrew_notice{kind="${kind}"}`)).toBe("1");
  await app.pass(300);
  expect(app.readMessages()).toHaveLength(1);
  await mend();
  await app.pass(60);
  for (let more = 0; more < 600 && (await app.readNotices()).length > 0; more += 60) await app.pass(60);
  expect(app.readMessages()).toEqual([expect.stringMatching(over)]);
  expect(await app.readNotices()).toEqual([]);
  const began = app.lines.filter((line) => line["message"] === "notice began");
  expect(began).toEqual([expect.objectContaining({ kind })]);
  expect(app.lines.filter((line) => line["message"] === "notice ended")).toHaveLength(1);
}

/** Lets requests to Plane fail with an answer that a real one gave. */
const refuse =
  (path: string | RegExp, status: number, body: object): Fault =>
  ({ simulators }) =>
    simulators.plane.faults.add({ path }, { kind: "status", status, body: JSON.stringify(body) });

const PROJECTS = /\/projects\/(?:\?|$)/;
const ITEMS = /\/work-items\//;
const NO_KEY = { detail: "Given API token is not valid" };

const FILE_ROWS: Row[] = [
  [
    "plane_refused",
    refuse("/api/v1/", 403, NO_KEY),
    345,
    /^⚠️ Plane has refused Groundcrew's API key/,
    /^✅ Plane accepts/,
  ],
  [
    "plane_unreachable",
    async ({ simulators: { plane } }) => {
      await plane.takeDown();
      return () => plane.bringUp();
    },
    180,
    /^⚠️ Plane has not answered since/,
    /^✅ Plane is back\. It lasted/,
  ],
  ["polls_failing", refuse(PROJECTS, 404, { detail: "Not found." }), 315, /^⚠️ Polls of Plane/, /^✅ Polls of Plane/],
  [
    "polls_failing",
    refuse(ITEMS, 403, { detail: "You do not have permission to perform this action." }),
    315,
    /Plane refuses to list the tasks of every project/,
    /^✅ Polls of Plane/,
  ],
  [
    "plane_untested",
    async (app) => {
      const { plane } = app.simulators;
      const answer = (await (await fetch(`${plane.url}/api/instances/`)).text()).replaceAll("1.3.1", "1.9.0");
      return refuse("/api/instances/", 200, JSON.parse(answer))(app);
    },
    615,
    /^⚠️ Plane has version 1\.9\.0\. Groundcrew is tested with v1\.3\.1/,
    /^✅ Plane has a version again/,
  ],
  [
    "store_lost",
    ({ storeFile }) => {
      renameSync(storeFile, `${storeFile}.away`);
      return () => renameSync(`${storeFile}.away`, storeFile);
    },
    30,
    /^⚠️ The store's file was moved/,
    /^✅ The store's file is in its place again\. It lasted/,
  ],
  [
    "backup_old",
    ({ deps }) => {
      const backup = { newest: { name: "2026-11-23T03-00-00Z", began: 0, bytes: 1, missing: [] }, since: 0 };
      deps.readBackups = () => backup;
      return () => {
        backup.since = deps.clock();
      };
    },
    75,
    /^⚠️ The newest backup in BACKUP_FOLDER is old: 2026-11-23T03-00-00Z/,
    /^✅ There is a new backup/,
  ],
];

const REDIS_ROWS: Row[] = [
  [
    "store_full",
    (app) => changeRedis(app, ["maxmemory", "1"], ["maxmemory", "0"]),
    45,
    /^⚠️ The store has taken no writes since .+ OOM/,
    /^✅ The store takes writes again/,
  ],
  [
    "store_read_only",
    async (app) => {
      const admin = connect(app);
      await admin.replicaof("127.0.0.1", 1);
      // Redis closes all connections.
      const write = () => app.deps.store.commit({ put: [{ key: "probe", value: 1 }] }).then(String, String);
      await expect.poll(write).toContain("READONLY");
      return () => admin.replicaof("NO", "ONE");
    },
    45,
    /^⚠️ The store has refused writes since .+READONLY/,
    /^✅ The store takes writes again/,
  ],
  [
    "store_unreachable",
    async ({ redis }) => {
      await redis?.kill();
      return () => redis?.start();
    },
    45,
    /^⚠️ The store has not answered since/,
    /^✅ The store answers again/,
  ],
  [
    "store_emptied",
    async (app) => {
      await connect(app).flushdb();
      return () => {};
    },
    30,
    /^⚠️ The store was emptied: what happened between .+Z and .+Z may not/,
    /^✅ The store was emptied and has been filled again\. What happened between .+Z and .+Z may not/,
  ],
];

function connect({ redis }: NoticeApp): Redis {
  const admin = new Redis(redis?.url ?? "");
  onTestFinished(() => void admin.disconnect());
  return admin;
}

async function changeRedis(app: NoticeApp, [name, broken]: string[], [, sound]: string[]) {
  const admin = connect(app);
  await admin.config("SET", name ?? "", broken ?? "");
  return () => admin.config("SET", name ?? "", sound ?? "");
}

test.each(FILE_ROWS)(
  "reliability 45-47: %s is said once, everywhere alike, and is over once it is mended",
  async (...row) => {
    await expectLife(await createNoticeApp(), row);
  },
  LIMIT_MS,
);

describe.skipIf(!hasRedisServer())("reliability 46: on a real Redis", () => {
  test.each(REDIS_ROWS)(
    "%s is said although the store does not keep it, and is over once it is mended",
    async (...row) => {
      const redis = await startRedis({ "maxmemory-policy": "noeviction", appendonly: "yes", appendfsync: "always" });
      onTestFinished(() => redis.stop());
      const app = await createNoticeApp({ redis });
      await expectLife(app, row);
      expect((await app.request("/health")).status).toBe(200);
      expect((await app.request("/ready")).status).toBe(200);
    },
    LIMIT_MS,
  );

  test.each(["while it runs", "between two starts"])(
    "FLUSHDB %s loses nothing silently: the span is said, every item is found again, and a change in the span causes no message",
    async (when) => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      const app = await createNoticeApp({ redis });
      const { plane } = app.simulators;
      if (when === "between two starts") await app.stop();
      plane.editItem(app.items[0] ?? "", { state: "Done" });
      app.simulators.takeWebhookBodies();
      await connect(app).flushdb();
      app.advance(30 * SECOND_MS);
      if (when === "between two starts") await app.start();
      await app.pass(30);
      expect(app.readMessages()).toEqual([expect.stringMatching(/^[⚠✅].* The store was emptied/u)]);
      await app.pass(420);
      expect(app.readMessages()).toEqual([
        expect.stringMatching(/^✅ The store was emptied and has been filled again/),
      ]);
      expect(await app.deps.store.count(observedSets.items(app.project.id))).toBe(app.items.length);
      expect(await app.deps.store.count(observedSets.open(app.project.id))).toBe(app.items.length - 1);
      const changes = app.lines.filter(({ message }) => String(message).startsWith("notice "));
      expect(changes.map(({ message }) => message)).toEqual(["notice began", "notice ended"]);
    },
    LIMIT_MS,
  );

  test(
    "A minute without Redis writes the first error and one line with the number of those left out",
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      const app = await createNoticeApp({ redis });
      await redis.kill();
      app.lines.splice(0);
      for (let second = 0; second < 60; second += 1) {
        app.advance(SECOND_MS);
        await app.deps.drain();
      }
      const errors = app.lines.filter(({ level }) => level === "error");
      expect(errors.length).toBeLessThanOrEqual(4);
      app.advance(2 * SECOND_MS);
      await app.deps.drain();
      expect(app.lines.find(({ repeated }) => Number(repeated) > 100)).toBeDefined();
      expect((await app.request("/health")).status).toBe(503);
    },
    LIMIT_MS,
  );
});

test("a key of an agent that Plane refuses is a notice that names the agent, also while Groundcrew's own key works", async () => {
  const app = await createNoticeApp();
  const { plane } = app.deps.getAgentPlane("Thot");
  app.simulators.plane.revokeKey(app.thotKey);
  await expect(plane.call(usersApi.me)).rejects.toThrow();
  await app.deps.drain();
  expect(app.readMessages()).toEqual([
    expect.stringMatching(/^⚠️ Plane has refused the API key of the agent Thot since/),
  ]);
  expect((await app.request("/ready")).status).toBe(200);
});

test("a notice and its message outlive kill -9: one message, which the next process edits", async () => {
  const app = await createNoticeApp();
  await app.simulators.plane.takeDown();
  await app.pass(150);
  await app.stop();
  await app.start();
  await app.pass(60);
  expect(app.readMessages()).toEqual([expect.stringMatching(/^⚠️ Plane has not answered/)]);
  await app.stop();
  await app.simulators.plane.bringUp();
  await app.start();
  await app.pass(30);
  expect(app.readMessages()).toEqual([expect.stringMatching(/^✅ Plane is back/)]);
});

test.each(Array.from({ length: 20 }, (_, seed) => seed + 1))(
  "reliability 46: random damage of the store's file is said within a minute and ends with a sound file (seed %i)",
  async (seed) => {
    const app = await createNoticeApp({ opensItself: true });
    await app.stop();
    const sound = readFileSync(app.storeFile);
    damageFile(app.storeFile, seed);
    const starts = await app.start().then(
      () => true,
      () => false,
    );
    if (starts) {
      await app.pass(45);
      expect([(await app.request("/health")).status, (await app.readNotices()).map(({ kind }) => kind)]).toEqual([
        503,
        ["store_damaged"],
      ]);
      await app.stop();
    }
    expect(app.readMessages()).toEqual([
      expect.stringMatching(/^⚠️ The store's file is damaged: .+\n👉 .+npm run restore/),
    ]);
    // A start that is repeated, as a service manager does, says nothing more.
    await app.start().then(app.stop, () => {});
    expect(app.readMessages()).toHaveLength(1);
    for (const end of ["-wal", "-shm"]) rmSync(app.storeFile + end, { force: true });
    writeFileSync(app.storeFile, sound);
    await app.start();
    await app.pass(45);
    expect(app.readMessages()).toEqual([expect.stringMatching(/^✅ The store is not damaged any more/)]);
    expect((await app.request("/health")).status).toBe(200);
  },
  LIMIT_MS,
);

/** Overwrites a third of the file with random bytes, as a failing disk does. */
function damageFile(path: string, seed: number) {
  const random = createRandomSource(seed);
  const { size } = statSync(path);
  const bytes = Buffer.from(Array.from({ length: Math.ceil(size / 3) }, () => random.below(256)));
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, random.below(size - bytes.length));
  closeSync(file);
}

test.each([
  ["is empty", (path: string) => truncateSync(path, 0)],
  ["is gone", (path: string) => rmSync(path)],
])(
  "reliability 46: a store file that %s at the start is not silently new: the span is said, and the end",
  async (_, lose) => {
    const app = await createNoticeApp({ opensItself: true });
    await app.stop();
    for (const end of ["-wal", "-shm"]) rmSync(app.storeFile + end, { force: true });
    lose(app.storeFile);
    await app.start();
    await app.deps.drain();
    const span = /between 20\d\d-.+Z and 20\d\d-.+Z may not have been reported/;
    const expectSaid = (mark: string) =>
      expect.stringMatching(new RegExp(`^${mark} The store was emptied.+${span.source}`));
    expect(app.readMessages()).toEqual([expectSaid("⚠️")]);
    await app.pass(360);
    // Telegram's limit of a message a second is kept by the real clock here.
    await expect.poll(app.readMessages, { timeout: 5_000 }).toEqual([expectSaid("✅")]);
  },
);

test("a fresh healthy start, a day of it and a restart send nobody anything", async () => {
  const app = await createNoticeApp();
  await app.pass(900);
  await app.deps.ticks.runNow("damage");
  app.advance(DAY_MS);
  await app.stop();
  await app.start();
  await app.pass(60);
  expect(app.readMessages()).toEqual([]);
  expect(await app.readNotices()).toEqual([]);
});
