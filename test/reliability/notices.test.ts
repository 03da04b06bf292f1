import { execFileSync, spawnSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { manifest } from "../../functions/index.ts";
import { MANIFEST_FILE } from "../../runtime/backup/manifest.ts";
import { runCli } from "../../runtime/cli/run-cli.ts";
import { getFileFingerprint, nodeFiles } from "../../runtime/node/files.ts";
import { type Runtime, startRuntime, watchSecrets } from "../../runtime/start-runtime.ts";
import { openStore } from "../../runtime/stores/open-store.ts";
import { parseSettings } from "../../shared/config/settings.ts";
import type { NoticeKind } from "../../shared/notice-kinds.ts";
import { usersApi } from "../../shared/plane/projects.ts";
import { observedSets } from "../../shared/records/store-keys.ts";
import { wait as waitForReal } from "../../shared/time.ts";
import { startGateway } from "../support/openclaw-gateway.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import { createRandomSource, pickSize } from "./random-source.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_ADMIN_TOKEN,
  SIMULATED_CHAT,
  type Simulators,
  startSimulators,
} from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LIMIT_MS = 120_000;
/** The pauses before a request to Plane is repeated. They take no time here: the clock of these tests stands still. */
const RETRY_PAUSES = new Set([1_000, 5_000, 15_000]);
const RUNNER_TOKEN = "runner-token-of-the-reliability-tests";
/** The ticks that observe something, with the interval at which the product runs them, in seconds. */
const OBSERVERS = { store: 15, plane: 15, notices: 60, instance: 600, poll: 300, cycles: 3_600 } as const;

type NoticeApp = Awaited<ReturnType<typeof createNoticeApp>>;

/** What breaks something; returns what repairs it. */
type Fault = (app: NoticeApp) => unknown;

interface AppOptions {
  redis?: TestRedis;
  /** The folder of the store's file. */
  disk?: string;
  opensItself?: boolean;
}

/** The product with all its parts, whose ticks run only as time passes in the test. */
async function createNoticeApp({ redis, disk, opensItself = false }: AppOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-notices-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const time = { now: Date.now(), planeAhead: 0 };
  const clock = () => time.now;
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS, clock: () => time.now + time.planeAhead });
  const gateway = await startGateway({ version: "2026.9.6" });
  const thot = simulators.plane.addUser({ name: "Thot", email: "thot@javisi.local" });
  const thotKey = simulators.plane.createApiKey(thot);
  const project = simulators.addProject();
  const items = simulators.addItems(project, 3);
  const lines: Record<string, unknown>[] = [];
  const [secretsFile, configFile] = [join(folder, "secrets.json"), join(folder, "crew.json")];
  const writeSecrets = (text: string) => writeFileSync(secretsFile, text, { mode: 0o600 });
  const config = {
    agents: [{ name: "Thot", email: "thot@javisi.local", wake: "openclaw" }],
    tickets: { repositories: { ONB: "/srv/onb" }, labels: ["code"], approve: [{}] },
  };
  writeFileSync(configFile, JSON.stringify(config));
  writeSecrets(JSON.stringify({ PLANE_API_KEY_THOT: thotKey }));
  mkdirSync(join(folder, "backups"), { mode: 0o700 });
  const data = disk ?? join(folder, "data");
  const env = {
    ...simulators.env,
    PORT: "0",
    STORE_URL: redis?.url ?? `file:${data}`,
    SECRETS_FILE: secretsFile,
    GROUNDCREW_CONFIG: configFile,
    BACKUP_FOLDER: join(folder, "backups"),
    RUNNER_TOKEN,
    OPENCLAW_URL: gateway.url,
    OPENCLAW_HOOK_TOKEN: gateway.token,
    TIMEZONE: "UTC",
  };
  const quiet = {
    ...manifest,
    services: [],
    ticks: manifest.ticks.map((tick) => ({ ...tick, cron: () => "0 0 1 1 *" })),
  };
  let runtime: Runtime | undefined;
  onTestFinished(() => stop());
  let [look, looked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let watching = new AbortController();

  async function start() {
    const write = (line: string) => lines.push(JSON.parse(line));
    const readSettings = () => parseSettings(env, nodeFiles);
    const parsed = readSettings();
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    const { settings } = parsed;
    const store = opensItself ? {} : { store: await openStore(settings.store.url, { prefix: "t", clock }) };
    const wait: typeof waitForReal = (ms, signal) => waitForReal(RETRY_PAUSES.has(ms) ? 0 : ms, signal);
    const running = await startRuntime(settings, { manifest: quiet, write, overrides: { clock, wait, ...store } });
    runtime = running;
    watching = new AbortController();
    const waitForLook = () => {
      looked.resolve();
      return look.promise;
    };
    const getFingerprint = () => getFileFingerprint(secretsFile);
    void watchSecrets({ running, readSettings, getFingerprint, wait: waitForLook, signal: watching.signal });
    await running.deps.ticks.waitUntilIdle();
  }

  /** Lets the product look at its secrets file once. */
  async function lookAtSecrets() {
    const due = look;
    [look, looked] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    due.resolve();
    await looked.promise;
  }

  async function stop() {
    watching.abort();
    look.resolve();
    look = Promise.withResolvers<void>();
    await runtime?.stop();
    runtime = undefined;
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
    gateway,
    lines,
    thot,
    thotKey,
    data,
    time,
    writeSecrets,
    storeFile: join(data, "groundcrew.db"),
    get deps() {
      return getDeps();
    },
    start,
    stop,
    /** Runs the ticks whose time has come, for this many seconds. */
    async pass(seconds: number) {
      for (let passed = 0; passed < seconds; passed += 15) {
        time.now += 15 * SECOND_MS;
        await lookAtSecrets();
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
    /** The messages in the chat that are about notices. */
    readMessages: () => readNoticeMessages(simulators),
    async request(path: string, init: RequestInit = {}): Promise<Response> {
      const headers = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers };
      return fetch((runtime?.url ?? "") + path, { ...init, headers });
    },
    /** Delivers what Plane's webhooks say. */
    async deliverWebhooks() {
      for (const body of simulators.takeWebhookBodies()) {
        const headers = simulators.createDeliveryHeaders(body);
        expect((await app.request("/webhooks/plane", { method: "POST", headers, body })).status).toBe(200);
      }
    },
    /** Exchanges as a ticket runner does. */
    async callAsRunner() {
      const instance = "11111111-2222-4333-8444-000000000002";
      const call = { runner: "vps", instance, version: "0.2.0", repositories: ["ONB"], seen: "", wait_ms: 0 };
      const headers = { authorization: `Bearer ${RUNNER_TOKEN}`, "content-type": "application/json" };
      const body = JSON.stringify({ ...call, sessions: [] });
      expect((await app.request("/api/runner/exchange", { method: "POST", headers, body })).status).toBe(200);
    },
    /** Runs `groundcrew backup` at the time of the test; returns its exit code. */
    async backUp(options: readonly string[] = [], more: Record<string, string> = {}): Promise<number> {
      let err = "";
      vi.setSystemTime(time.now);
      const machine = { ...env, PATH: process.env["PATH"], GROUNDCREW_URL: runtime?.url, ...more };
      const host = { env: machine, cwd: folder, stdin: Readable.from([]), out: () => {} };
      const exit = await runCli(["backup", ...options], { ...host, err: (text) => (err += text) });
      vi.useRealTimers();
      if (exit !== 0) expect(err).toContain("BACKUP_AFTER failed");
      return exit;
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

function readNoticeMessages({ telegram }: Simulators): string[] {
  const texts = telegram.chat(SIMULATED_CHAT).messages.map(({ text }) => text);
  return texts.filter((text) => /^[⚠✅]/u.test(text));
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
  const repair = (await fault(app)) as () => unknown;
  const took = await passUntilSaid(app, kind, seconds);
  expect(took).toBeLessThanOrEqual(seconds);
  const [notice, ...others] = await app.readNotices();
  expect(others).toEqual([]);
  expect(app.readMessages()).toEqual([expect.stringMatching(said)]);
  expect(app.readMessages()[0]).toContain(`⚠️ ${notice?.text}\n👉 ${notice?.remedy}`);
  expect(await app.readMetric(`groundcrew_notice{kind="${kind}"}`)).toBe("1");
  await app.pass(300);
  expect(app.readMessages()).toHaveLength(1);
  await repair();
  await app.pass(60);
  for (let more = 0; more < 3_600 && (await app.readNotices()).length > 0; more += 60) await app.pass(60);
  expect(app.readMessages()).toEqual([expect.stringMatching(over)]);
  expect(await app.readNotices()).toEqual([]);
  expect(await app.readMetric(`groundcrew_notice{kind="${kind}"}`)).toBe("0");
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
    async (app) => {
      await app.backUp();
      app.advance(27 * HOUR_MS);
      return () => app.backUp();
    },
    75,
    /^⚠️ The newest backup in BACKUP_FOLDER is old: 20\d\d-.+Z\.\n👉 Run npm run backup/,
    /^✅ There is a new backup/,
  ],
  [
    "backup_incomplete",
    async (app) => {
      await app.backUp();
      app.advance(DAY_MS);
      await app.backUp(["--without", "store"]);
      // One that an earlier version made, which did not refuse it.
      const [newest = ""] = readdirSync(join(app.folder, "backups")).sort().reverse();
      const path = join(app.folder, "backups", newest, MANIFEST_FILE);
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), without: [] }));
      return () => app.backUp();
    },
    75,
    /^⚠️ The newest backup lacks a part: store\./,
    /^✅ The newest backup is complete/,
  ],
  [
    "backup_not_copied",
    async (app) => {
      const elsewhere = join(app.folder, "elsewhere");
      const backUp = () => app.backUp([], { BACKUP_AFTER: `cp -R {backup} ${elsewhere}/.` });
      mkdirSync(elsewhere);
      expect(await backUp()).toBe(0);
      app.advance(27 * HOUR_MS);
      renameSync(elsewhere, `${elsewhere}.away`);
      expect(await backUp()).toBe(1);
      return async () => {
        renameSync(`${elsewhere}.away`, elsewhere);
        expect(await backUp()).toBe(0);
      };
    },
    75,
    /^⚠️ Backups are not copied elsewhere: the last copy is 20\d\d-.+Z\./,
    /^✅ Backups are copied elsewhere again/,
  ],
  [
    "runner_away",
    async (app) => {
      const { plane } = app.simulators;
      await app.callAsRunner();
      app.advance(61 * SECOND_MS);
      const code = plane.addLabel(app.project, "code");
      plane.addItem(app.project, { name: "Write it down", labels: [code] });
      await app.deliverWebhooks();
      return app.callAsRunner;
    },
    255,
    /^⚠️ Tickets have waited for a ticket runner since .+: none is connected\.\n👉 Start the runner/,
    /^✅ A ticket runner is connected/,
  ],
  [
    "gateway_away",
    async (app) => {
      await app.gateway.stop();
      app.simulators.plane.addItem(app.project, { name: "Write it down", state: "Todo", assignees: [app.thot] });
      await app.deliverWebhooks();
      return app.gateway.start;
    },
    255,
    /^⚠️ OpenClaw has not taken the wakes of 127\.0\.0\.1:\d+ since .+: .+\n👉 Start OpenClaw's gateway/,
    /^✅ OpenClaw takes the wakes of 127\.0\.0\.1:\d+ again/,
  ],
  [
    "agent_key_refused",
    async (app) => {
      const call = () => app.deps.getAgentPlane("Thot").plane.call(usersApi.me);
      app.simulators.plane.revokeKey(app.thotKey);
      await expect(call()).rejects.toThrow();
      expect((await app.request("/ready")).status).toBe(200);
      return async () => {
        app.writeSecrets(JSON.stringify({ PLANE_API_KEY_THOT: app.simulators.plane.createApiKey(app.thot) }));
        await app.pass(15);
        await call();
      };
    },
    15,
    /^⚠️ Plane has refused the API key of the agent Thot since/,
    /^✅ Plane accepts the API key of the agent Thot again/,
  ],
  [
    "clock_wrong",
    ({ time }) => {
      time.planeAhead = 5 * 60 * SECOND_MS;
      return () => {
        time.planeAhead = 0;
      };
    },
    615,
    /^⚠️ This machine's clock differs from Plane's by 5 min\.\n👉 Turn on time synchronization/,
    /^✅ This machine's clock is right again/,
  ],
  [
    "names_deleted",
    async ({ simulators: { plane }, project, pass }) => {
      const blocked = { name: "Blocked", group: "started" } as const;
      const state = plane.addState(project, blocked);
      // The states are known once they were read.
      await pass(3_600);
      plane.deleteStateOrLabel(state);
      return () => plane.addState(project, blocked);
    },
    3_735,
    /^⚠️ A state or label that Groundcrew uses was deleted in Plane: blocked \(ONB\)\.\n👉 Run npm run provision/,
    /^✅ All states and labels that Groundcrew uses exist again/,
  ],
  [
    "settings_refused",
    (app) => refuseSecrets(app, () => {}),
    15,
    /^⚠️ The changed settings are invalid/,
    /^✅ The changed/,
  ],
  [
    "settings_refused",
    (app) => refuseSecrets(app, app.stop, app.start),
    15,
    /^⚠️ The changed settings are invalid.+secrets\.json.+\n👉 Fix the file/,
    /^✅ The changed settings are in use/,
  ],
];

/** Breaks the secrets file. It is repaired while the product runs, or while it is stopped. */
function refuseSecrets({ thotKey, writeSecrets }: NoticeApp, stop: () => unknown, start: () => unknown = () => {}) {
  writeSecrets("{");
  return async () => {
    await stop();
    writeSecrets(JSON.stringify({ PLANE_API_KEY_THOT: thotKey }));
    await start();
  };
}

/** On a small disk of its own. */
const DISK_ROWS: Row[] = [
  [
    "store_full",
    (app) => fillDisk(app, 0),
    45,
    /^⚠️ The store has taken no writes since .+, because its space is used up: .*full/,
    /^✅ The store takes writes again/,
  ],
  [
    "space_low",
    (app) => fillDisk(app, DISK_BYTES / 20),
    90,
    /^⚠️ Little space is left: the disk of the store\.\n👉 Free space/,
    /^✅ There is enough space for the store again/,
  ],
];

/** Size in bytes of the small disk: 64 MiB. */
const DISK_BYTES = 64 * 1024 ** 2;

/** Fills the disk of the store until so many bytes are free; returns what frees it. */
function fillDisk({ data }: NoticeApp, free: number) {
  const path = join(data, "filler");
  const file = openSync(path, "w");
  try {
    for (let { bavail, bsize } = statfsSync(data); bavail * bsize > free; { bavail, bsize } = statfsSync(data))
      writeSync(file, Buffer.alloc(bavail * bsize - free > 1024 ** 2 ? 1024 ** 2 : bsize));
  } finally {
    closeSync(file);
  }
  return () => rmSync(path);
}

/** Mounts a small disk until the test ends. */
function mountDisk(): string {
  const path = mkdtempSync(join(tmpdir(), "groundcrew-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=0700`, "tmpfs", path], { stdio: "pipe" });
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", path]);
    rmSync(path, { recursive: true });
  });
  return path;
}

/** Whether disks may be mounted: by an administrator. Elsewhere full-store.test.ts limits a process's files instead. */
function canMountDisk(): boolean {
  return spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" }).status === 0;
}

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
    "space_low",
    async (app) => {
      const admin = connect(app);
      const readUsed = async () => Number(/^used_memory:(\d+)/m.exec(await admin.info("memory"))?.[1]);
      const empty = await readUsed();
      await admin.set("filler", "x".repeat(64 * 1024 ** 2));
      const full = empty + Number(await admin.memory("USAGE", "filler"));
      // Redis gives the buffers of so large a value back a moment later.
      await expect.poll(readUsed).toBeLessThan(full * 1.02);
      await admin.config("SET", "maxmemory", Math.round(full / 0.95));
      return () => admin.del("filler");
    },
    90,
    /^⚠️ Little space is left: Redis' memory \(maxmemory\)\./,
    /^✅ There is enough space for the store again/,
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
  "reliability 45-47: %s is said once, everywhere alike, and is over once it is repaired",
  async (...row) => {
    await expectLife(await createNoticeApp(), row);
  },
  LIMIT_MS,
);

describe.skipIf(!canMountDisk())("reliability 31: on a real small disk", () => {
  test.each(DISK_ROWS)(
    "%s is said once, and is over once there is space",
    async (...row) => {
      await expectLife(await createNoticeApp({ disk: mountDisk() }), row);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!hasRedisServer())("reliability 46: on a real Redis", () => {
  test.each(REDIS_ROWS)(
    "%s is said although the store does not keep it, and is over once it is repaired",
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

test("a notice and its message outlive the process: one message, which the next one edits", async () => {
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

/** What breaks something in a real process, and what makes it look. */
type ProcessRow = [kind: NoticeKind, tick: string, fault: (runtime: SpawnedRuntime) => () => void];

test(
  "kill -9 between the beginning and the end: one message, which the next process ends",
  async () => {
    const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    simulators.addItems(simulators.addProject(), 1);
    const runtime = await spawnRuntime({ env: simulators.env });
    const store = join(runtime.folder, "data", "groundcrew.db");
    const rows: ProcessRow[] = [
      ["polls_failing", "poll", () => simulators.plane.faults.add({ path: PROJECTS }, { kind: "status", status: 404 })],
      [
        "store_lost",
        "store",
        () => {
          renameSync(store, `${store}.away`);
          return () => renameSync(`${store}.away`, store);
        },
      ],
    ];
    const marks = () => readNoticeMessages(simulators).map((text) => text[0]);
    for (const [i, [kind, tick, fault]] of rows.entries()) {
      const ended = Array.from({ length: i }, () => "✅");
      const repair = fault(runtime);
      await runtime.request(`/ticks/${tick}`, { method: "POST" });
      await expect.poll(marks, { timeout: 10_000 }).toEqual([...ended, "⚠"]);
      // A kill inside the send would double the message. The lost store's own is recorded beside it.
      if (kind !== "store_lost") await runtime.waitUntilIdle();
      await runtime.kill();
      repair();
      await runtime.start();
      for (let look = 0; look < 2; look += 1) await runtime.request(`/ticks/${tick}`, { method: "POST" });
      await expect.poll(marks, { timeout: 10_000 }).toEqual([...ended, "✅"]);
      expect(runtime.output.filter((line) => line.includes('"notice began"'))).toHaveLength(i + 1);
      const endings = runtime.output.filter((line) => line.includes('"notice ended"'));
      expect(endings.at(-1)).toContain(`"kind":"${kind}"`);
      expect(endings).toHaveLength(i + 1);
    }
  },
  LIMIT_MS,
);

test.each(Array.from({ length: pickSize(20, 2) }, (_, seed) => seed + 1))(
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
