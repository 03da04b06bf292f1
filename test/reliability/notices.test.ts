import { execFileSync, spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
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
import { DAY, HOUR, SECOND, wait as waitForReal } from "../../shared/time.ts";
import { startGateway } from "../support/openclaw-gateway.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../support/redis-server.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { createRandomSource, IS_FULL_RUN, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, RELIABILITY_ADMIN_TOKEN, SIMULATED_CHAT, startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

vi.setConfig({ testTimeout: 240_000 });

/** The pauses before a request to Plane is repeated. They take no time here: the clock of these tests stands still. */
const RETRY_PAUSES = new Set([1_000, 5_000, 15_000]);
const RUNNER_TOKEN = "runner-token-of-the-reliability-tests";
/** The ticks that observe something, with the interval at which the product runs them, in seconds. */
const OBSERVERS = { store: 15, plane: 15, notices: 60, instance: 600, poll: 300 } as const;

type NoticeApp = Awaited<ReturnType<typeof createNoticeApp>>;

/** The product with all its parts, whose ticks run only as time passes in the test. */
async function createNoticeApp(redis?: TestRedis, opensItself = false, disk?: string) {
  const [folder, backups] = [createTestFolder("notices"), createTestFolder("backups")];
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
  const data = disk ?? join(folder, "data");
  const env = {
    ...simulators.env,
    PORT: "0",
    STORE_URL: redis?.url ?? `file:${data}`,
    SECRETS_FILE: secretsFile,
    GROUNDCREW_CONFIG: configFile,
    BACKUP_FOLDER: backups,
    RUNNER_TOKEN,
    OPENCLAW_URL: gateway.url,
    OPENCLAW_HOOK_TOKEN: gateway.token,
    TIMEZONE: "UTC",
  };
  const ticks = manifest.ticks.map((tick) => ({ ...tick, cron: () => "0 0 1 1 *" }));
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
    const quiet = { ...manifest, services: [], ticks };
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

  const app = {
    ...{ backups, redis, project, items, simulators, gateway, lines, thot, thotKey, time, writeSecrets, start, stop },
    storeFile: join(data, "groundcrew.db"),
    get deps() {
      if (!runtime) throw new Error("not running");
      return runtime.deps;
    },
    /** Runs the ticks whose time has come, for this many seconds. */
    async pass(seconds: number) {
      for (let passed = 0; passed < seconds; passed += 15) {
        time.now += 15 * SECOND;
        await lookAtSecrets();
        const second = Math.floor(time.now / SECOND / 15) * 15;
        for (const [name, interval] of Object.entries(OBSERVERS))
          if (second % interval === 0) await app.deps.ticks.runNow(name).catch(() => undefined);
        await app.deps.drain();
      }
    },
    advance: (ms: number) => {
      time.now += ms;
    },
    /** The messages in the chat that are about notices. */
    readMessages: () =>
      simulators.telegram
        .chat(SIMULATED_CHAT)
        .messages.map(({ text }) => text)
        .filter((text) => /^[⚠✅]/u.test(text)),
    request: (path: string, init: RequestInit = {}): Promise<Response> =>
      fetch((runtime?.url ?? "") + path, {
        ...init,
        headers: { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, ...init.headers },
      }),
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
    async readMetric(kind: NoticeKind): Promise<string | undefined> {
      const text = await (await app.request("/metrics")).text();
      return new RegExp(`^groundcrew_notice\\{kind="${kind}"\\} (\\d)`, "m").exec(text)?.[1];
    },
  };
  await start();
  await app.pass(30);
  return app;
}

/** What breaks something; returns what repairs it. */
type Fault = (app: NoticeApp) => unknown;

/** One row: the notice, the seconds within which it is said, its words, those of its end, and its fault. */
type Row = [kind: NoticeKind, seconds: number, said: RegExp, over: RegExp, fault: Fault];

const row = (...parts: Row): Row => parts;

/** Checks the whole life of a notice: said once and everywhere alike, ended once, and nothing else. */
async function expectLife(app: NoticeApp, [kind, limit, said, over, fault]: Row) {
  const earlier = app.readMessages().length;
  app.lines.splice(0);
  expect([kind, await app.readNotices(), await app.readMetric(kind)]).toEqual([kind, [], "0"]);
  const repair = (await fault(app)) as () => unknown;
  let seconds = 0;
  for (; seconds < limit && (await app.readNotices()).length === 0; seconds += 15) await app.pass(15);
  const notices = await app.readNotices();
  expect(notices).toEqual([expect.objectContaining({ kind })]);
  const readMessages = () => app.readMessages().slice(earlier);
  expect(readMessages()).toEqual([expect.stringMatching(said)]);
  expect(readMessages()[0]).toContain(`⚠️ ${notices[0]?.text}\n👉 ${notices[0]?.remedy}`);
  expect(await app.readMetric(kind)).toBe("1");
  await app.pass(300);
  expect(readMessages()).toHaveLength(1);
  await repair();
  await app.pass(60);
  for (let more = 0; more < 3_600 && (await app.readNotices()).length > 0; more += 60) await app.pass(60);
  expect(readMessages()).toEqual([expect.stringMatching(over)]);
  expect([kind, await app.readNotices(), await app.readMetric(kind)]).toEqual([kind, [], "0"]);
  const changes = app.lines.filter(({ message }) => /^notice (began|ended)/.test(String(message)));
  expect(changes.map((line) => [line["message"], line["kind"]])).toEqual([
    ["notice began", kind],
    ["notice ended", kind],
  ]);
}

/** Lets requests to Plane fail with an answer that a real one gave. */
const refuse =
  (path: string | RegExp, status: number, body: object): Fault =>
  ({ simulators }) =>
    simulators.plane.faults.add({ path }, { kind: "status", status, body: JSON.stringify(body) });

/** In the full run only, because it takes ten minutes of the simulated time. */
const UNTESTED = row(
  "plane_untested",
  615,
  /^⚠️ Plane has version 1\.9\.0\. .+ v1\.3\.1/,
  /^✅ Plane has a version/,
  async (app) => {
    const { plane } = app.simulators;
    const answer = (await (await fetch(`${plane.url}/api/instances/`)).text()).replaceAll("1.3.1", "1.9.0");
    return refuse("/api/instances/", 200, JSON.parse(answer))(app);
  },
);

const FILE_ROWS: Row[] = [
  row("plane_refused", 345, /^⚠️ Plane has refused Groundcrew's API key/, /^✅ Plane accepts/, (app) => {
    return refuse("/api/v1/", 403, { detail: "Given API token is not valid" })(app);
  }),
  row("plane_unreachable", 180, /^⚠️ Plane has not answered since/, /^✅ Plane is back/, async (app) => {
    await app.simulators.plane.takeDown();
    return () => app.simulators.plane.bringUp();
  }),
  row("polls_failing", 315, /^⚠️ Polls of Plane/, /^✅ Polls of Plane/, (app) => {
    return refuse(/\/projects\/(?:\?|$)/, 404, { detail: "Not found." })(app);
  }),
  row(
    "names_deleted",
    135,
    /^⚠️ A state or .+: blocked \(ONB\)\.\n👉 Run npm run provision/,
    /^✅ All states/,
    async (app) => {
      const { plane } = app.simulators;
      const blocked = { name: "Blocked", group: "started" } as const;
      const state = plane.addState(app.project, blocked);
      // States are read once an hour, and known once they were read.
      const read = () => app.deps.ticks.runNow("cycles");
      await read();
      plane.deleteStateOrLabel(state);
      await read();
      return () => {
        plane.addState(app.project, blocked);
        return read();
      };
    },
  ),
  row("store_lost", 30, /^⚠️ The store's file was moved/, /^✅ The store's file is in/, ({ storeFile }) => {
    renameSync(storeFile, `${storeFile}.away`);
    return () => renameSync(`${storeFile}.away`, storeFile);
  }),
  row("agent_key_refused", 15, /^⚠️ Plane has refused .+ agent Thot/, /^✅ Plane accepts .+ Thot/, async (app) => {
    const call = () => app.deps.getAgentPlane("Thot").plane.call(usersApi.me);
    app.simulators.plane.revokeKey(app.thotKey);
    await expect(call()).rejects.toThrow();
    expect((await app.request("/ready")).status).toBe(200);
    return async () => {
      app.writeSecrets(JSON.stringify({ PLANE_API_KEY_THOT: app.simulators.plane.createApiKey(app.thot) }));
      await app.pass(15);
      await call();
    };
  }),
  row("clock_wrong", 615, /^⚠️ This machine's .+ 5 min\.\n👉 /, /^✅ This machine's clock is right/, ({ time }) => {
    time.planeAhead = 300 * SECOND;
    return () => {
      time.planeAhead = 0;
    };
  }),
  row("runner_away", 255, /^⚠️ Tickets have waited .+: none/, /^✅ A ticket runner/, async (app) => {
    const { plane } = app.simulators;
    await app.callAsRunner();
    app.advance(61 * SECOND);
    const code = plane.addLabel(app.project, "code");
    plane.addItem(app.project, { name: "Write it down", labels: [code] });
    await app.deliverWebhooks();
    return app.callAsRunner;
  }),
  row("settings_refused", 15, /^⚠️ The changed .+secrets\.json.+\n👉 Fix/, /^✅ The changed/, (app) => {
    app.writeSecrets("{");
    return async () => {
      await app.stop();
      app.writeSecrets(JSON.stringify({ PLANE_API_KEY_THOT: app.simulators.plane.createApiKey(app.thot) }));
      await app.start();
    };
  }),
  row("backup_old", 75, /^⚠️ The newest backup .+ old: 20.+\n👉 Run/, /^✅ There is a new/, async (app) => {
    await app.backUp();
    app.advance(27 * HOUR);
    return () => app.backUp();
  }),
  row("backup_incomplete", 75, /^⚠️ The newest backup lacks .+store\./, /^✅ The newest/, async (app) => {
    app.advance(HOUR);
    await app.backUp(["--without", "store"]);
    // One that an earlier version made, which did not refuse it.
    const [newest = ""] = readdirSync(app.backups).sort().reverse();
    const path = join(app.backups, newest, MANIFEST_FILE);
    writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), without: [] }));
    return () => app.backUp();
  }),
  row("backup_not_copied", 75, /^⚠️ Backups are not .+ is 20.+Z\./, /^✅ Backups are copied/, async (app) => {
    const elsewhere = createTestFolder("elsewhere");
    const backUp = () => app.backUp([], { BACKUP_AFTER: `cp -R {backup} ${elsewhere}/.` });
    expect(await backUp()).toBe(0);
    app.advance(27 * HOUR);
    renameSync(elsewhere, `${elsewhere}.away`);
    expect(await backUp()).toBe(1);
    return async () => {
      renameSync(`${elsewhere}.away`, elsewhere);
      expect(await backUp()).toBe(0);
    };
  }),
  // Last, because its agent never reacts.
  row("gateway_away", 255, /^⚠️ OpenClaw has not .+ since .+\n👉/, /^✅ OpenClaw takes/, async (app) => {
    await app.gateway.stop();
    app.simulators.plane.addItem(app.project, { name: "Write it down", state: "Todo", assignees: [app.thot] });
    await app.deliverWebhooks();
    return app.gateway.start;
  }),
];

/** Size in bytes of a small disk: 64 MiB. */
const DISK_BYTES = 64 * 1024 ** 2;

const DISK_ROWS: Row[] = [
  row("store_full", 45, /^⚠️ The store has taken no .+ full/, /^✅ The store takes writes/, (app) => fillDisk(app, 0)),
  row("space_low", 90, /^⚠️ Little space is left: the disk of/, /^✅ There is enough space/, (app) => {
    return fillDisk(app, DISK_BYTES / 20);
  }),
];

/** Fills the disk of the store until so many bytes are free; returns what frees it. */
function fillDisk({ storeFile }: NoticeApp, free: number) {
  const path = `${storeFile}.filler`;
  const readFree = () => Number(statfsSync(dirname(path)).bavail) * statfsSync(dirname(path)).bsize;
  for (let left = readFree() - free; left > 0; left = readFree() - free)
    appendFileSync(path, Buffer.alloc(left > 1024 ** 2 ? 1024 ** 2 : 4_096));
  return () => rmSync(path);
}

/** Whether disks may be mounted: by an administrator. Elsewhere full-store.test.ts limits a process's files instead. */
function canMountDisk(): boolean {
  return spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], { stdio: "ignore" }).status === 0;
}

const REDIS_ROWS: Row[] = [
  row("store_full", 45, /^⚠️ The store has taken no .+ OOM/, /^✅ The store takes writes/, async (app) => {
    const admin = connect(app);
    await admin.config("SET", "maxmemory", "1");
    return () => admin.config("SET", "maxmemory", "0");
  }),
  row("store_read_only", 45, /^⚠️ The store has refused .+READONLY/, /^✅ The store takes writes/, async (app) => {
    const admin = connect(app);
    await admin.replicaof("127.0.0.1", 1);
    // Redis closes all connections.
    const write = () => app.deps.store.commit({ put: [{ key: "probe", value: 1 }] }).then(String, String);
    await expect.poll(write).toContain("READONLY");
    return () => admin.replicaof("NO", "ONE");
  }),
  row("store_unreachable", 45, /^⚠️ The store has not answered/, /^✅ The store answers again/, async ({ redis }) => {
    await redis?.kill();
    return () => redis?.start();
  }),
  row("space_low", 90, /^⚠️ Little space is left: Redis' memory/, /^✅ There is enough space/, async (app) => {
    const admin = connect(app);
    const readUsed = async () => Number(/^used_memory:(\d+)/m.exec(await admin.info("memory"))?.[1]);
    const empty = await readUsed();
    await admin.set("filler", "x".repeat(64 * 1024 ** 2));
    const full = empty + Number(await admin.memory("USAGE", "filler"));
    // Redis gives the buffers of so large a value back a moment later.
    await expect.poll(readUsed).toBeLessThan(full * 1.02);
    await admin.config("SET", "maxmemory", Math.round(full / 0.95));
    return () => admin.del("filler");
  }),
];

function connect({ redis }: NoticeApp): Redis {
  const admin = new Redis(redis?.url ?? "");
  onTestFinished(() => void admin.disconnect());
  return admin;
}

test("reliability 45-47: each fault is said once, everywhere alike, and is over once it is repaired", async () => {
  const app = await createNoticeApp();
  for (const one of pickSize([UNTESTED, ...FILE_ROWS], FILE_ROWS)) await expectLife(app, one);
});

test("reliability 31: on a real small disk, little space and none are said once, and are over once there is space", async (context) => {
  context.skip(!(IS_FULL_RUN && canMountDisk()));
  const path = createTestFolder("disk");
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=0700`, "tmpfs", path], { stdio: "pipe" });
  onTestFinished(() => void execFileSync("umount", ["--lazy", path]));
  const app = await createNoticeApp(undefined, false, path);
  for (const one of DISK_ROWS) await expectLife(app, one);
});

test("kill -9 between the beginning and the end of a notice: one message, which the next process ends", async (context) => {
  context.skip(!IS_FULL_RUN);
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  simulators.addItems(simulators.addProject(), 1);
  const runtime = await spawnRuntime({ env: simulators.env });
  const store = join(runtime.folder, "data", "groundcrew.db");
  const { plane, telegram } = simulators;
  const marks = () => telegram.chat(SIMULATED_CHAT).messages.flatMap(({ text }) => /^[⚠✅]/u.exec(text)?.[0] ?? []);
  const refusePolls = () => plane.faults.add({ path: /\/projects\/(?:\?|$)/ }, { kind: "status", status: 404 });
  const moveStore = () => {
    renameSync(store, `${store}.away`);
    return () => renameSync(`${store}.away`, store);
  };
  for (const [i, [kind, tick, fault]] of (
    [
      ["polls_failing", "poll", refusePolls],
      ["store_lost", "store", moveStore],
    ] as const
  ).entries()) {
    const ended = Array.from({ length: i }, () => "✅");
    const repair = fault();
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
    expect(endings).toHaveLength(i + 1);
    expect(endings.at(-1)).toContain(`"kind":"${kind}"`);
  }
});

describe.skipIf(!hasRedisServer())("reliability 46: on a real Redis", () => {
  async function createRedisApp() {
    const redis = await startRedis({ "maxmemory-policy": "noeviction", appendonly: "yes", appendfsync: "always" });
    onTestFinished(() => redis.stop());
    return createNoticeApp(redis);
  }

  test("each fault of the store is said although the store does not keep it, and is over once it is repaired", async () => {
    const app = await createRedisApp();
    for (const one of REDIS_ROWS) {
      await expectLife(app, one);
      expect([(await app.request("/health")).status, (await app.request("/ready")).status]).toEqual([200, 200]);
    }
  });

  test("a minute without Redis writes the first error and one line with the number of those left out", async () => {
    const app = await createRedisApp();
    await app.redis?.kill();
    app.lines.splice(0);
    for (let second = 0; second < 60; second += 1) {
      app.advance(SECOND);
      await app.deps.drain();
    }
    expect(app.lines.filter(({ level }) => level === "error").length).toBeLessThanOrEqual(4);
    app.advance(2 * SECOND);
    await app.deps.drain();
    expect(app.lines.find(({ repeated }) => Number(repeated) > 100)).toBeDefined();
    expect((await app.request("/health")).status).toBe(503);
  });

  test("FLUSHDB loses nothing silently: the span is said, every item is found again, and a change in the span causes no message", async () => {
    const app = await createRedisApp();
    app.simulators.plane.editItem(app.items[0] ?? "", { state: "Done" });
    app.simulators.takeWebhookBodies();
    await connect(app).flushdb();
    app.advance(30 * SECOND);
    await app.pass(30);
    const span = /The store was emptied.+ between .+Z and .+Z may not/.source;
    expect(app.readMessages()).toEqual([expect.stringMatching(new RegExp(`^[⚠✅].* ${span}`, "u"))]);
    await app.pass(420);
    const refilled = /^✅ The store was emptied and has been filled again\. What happened between/;
    expect(app.readMessages()).toEqual([expect.stringMatching(refilled)]);
    expect(await app.deps.store.count(observedSets.items(app.project.id))).toBe(app.items.length);
    expect(await app.deps.store.count(observedSets.open(app.project.id))).toBe(app.items.length - 1);
  });
});

/** Stops the product, and removes what SQLite keeps beside the store's file. */
async function stopAndTidy(app: NoticeApp) {
  await app.stop();
  for (const end of ["-wal", "-shm"]) rmSync(app.storeFile + end, { force: true });
}

const SEEDS = Array.from({ length: pickSize(20, 1) }, (_, seed) => seed + 1);

test.each(SEEDS)("reliability 46: damage of the store's file is said in a minute, and ends (seed %i)", async (seed) => {
  const app = await createNoticeApp(undefined, true);
  await app.stop();
  const sound = readFileSync(app.storeFile);
  damageFile(app.storeFile, seed);
  const hasStarted = await app.start().then(
    () => true,
    () => false,
  );
  if (hasStarted) {
    await app.pass(45);
    expect((await app.request("/health")).status).toBe(503);
    expect(await app.readNotices()).toEqual([expect.objectContaining({ kind: "store_damaged" })]);
    await app.stop();
  }
  const damaged = /^⚠️ The store's file is damaged: .+\n👉 .+npm run restore/;
  expect(app.readMessages()).toEqual([expect.stringMatching(damaged)]);
  // A start that is repeated, as a service manager does, says nothing more.
  await app.start().then(app.stop, () => {});
  expect(app.readMessages()).toHaveLength(1);
  await stopAndTidy(app);
  writeFileSync(app.storeFile, sound);
  await app.start();
  await app.pass(45);
  expect(app.readMessages()).toEqual([expect.stringMatching(/^✅ The store is not damaged any more/)]);
  expect((await app.request("/health")).status).toBe(200);
});

/** Overwrites a third of the file with random bytes, as a failing disk does. */
function damageFile(path: string, seed: number) {
  const random = createRandomSource(seed);
  const file = readFileSync(path);
  const bytes = Buffer.from(Array.from({ length: Math.ceil(file.length / 3) }, () => random.below(256)));
  bytes.copy(file, random.below(file.length - bytes.length));
  writeFileSync(path, file);
}

test("reliability 46: a store file that is empty, or gone, at the start is not silently new: the span is said, and the end", async () => {
  const app = await createNoticeApp(undefined, true);
  const span = "The store was emptied.+between 20\\d\\d-.+Z and 20\\d\\d-.+Z may not have been reported";
  for (const [i, lose] of [(path: string) => writeFileSync(path, ""), rmSync].entries()) {
    await stopAndTidy(app);
    lose(app.storeFile);
    await app.start();
    await app.deps.drain();
    const readMessages = () => app.readMessages().slice(i);
    expect(readMessages()).toEqual([expect.stringMatching(new RegExp(`^⚠️ ${span}`))]);
    await app.pass(360);
    // Telegram's limit of a message a second is kept by the real clock here.
    await expect.poll(readMessages, { timeout: 5_000 }).toEqual([expect.stringMatching(new RegExp(`^✅ ${span}`))]);
  }
});

test("a fresh healthy start, a day of it and a restart send nobody anything", async () => {
  const app = await createNoticeApp();
  await app.pass(900);
  await app.deps.ticks.runNow("damage");
  app.advance(DAY);
  await app.stop();
  await app.start();
  await app.pass(60);
  expect(app.readMessages()).toEqual([]);
  expect(await app.readNotices()).toEqual([]);
});
