import { expect, test } from "vitest";
import { z } from "zod";
import { manifest } from "../../functions/index.ts";
import { planeTick } from "../../functions/plane-tick.ts";
import type { Deps, Tick } from "../../shared/app/deps.ts";
import { HOUR, MINUTE, SECOND } from "../../shared/time.ts";
import { SIMULATED_CHAT } from "../reliability/simulators.ts";
import { createVirtualTimeApp, type VirtualTimeApp } from "../reliability/virtual-time-app.ts";
import { createBearerHeaders, RUNTIME_TICK_TOKEN, startTestRuntime } from "../support/test-runtime.ts";
import { createCommandsApp, GROUP_CHAT, toPlainText } from "./telegram/commands/commands-app.ts";

test("POST /ticks/:name responds with the name, duration and counts of the tick, with the reason when it fails, or with the known names", async () => {
  const run = () => Promise.reject(new Error("Plane did not answer"));
  const cron = () => "0 0 1 1 *";
  const ticks: Tick[] = [
    { name: "cycles", cron, run: async () => ({ projects: 3 }) },
    { name: "poll", cron, run },
  ];
  const parts = { routes: manifest.routes, ticks, jobHandlers: [], ruleSets: () => [], requestKinds: {} };
  const { url, lines } = await startTestRuntime({ manifest: parts });
  const ask = async (name: string) => {
    const init = { method: "POST", ...createBearerHeaders(RUNTIME_TICK_TOKEN) };
    const response = await fetch(`${url}/ticks/${name}`, init);
    return [response.status, await response.json()];
  };
  expect(await ask("cycles")).toEqual([200, { name: "cycles", ms: expect.any(Number), projects: 3 }]);
  const message = "The tick poll failed: Plane did not answer";
  expect(await ask("poll")).toEqual([503, { error: { code: "unavailable", message } }]);
  expect(lines.find((line) => line["message"] === "tick failed")).toMatchObject({ tick: "poll", level: "error" });
  const unknown = "Unknown tick. Available ticks: cycles, poll.";
  expect(await ask("pol")).toEqual([404, { error: { code: "not_found", message: unknown } }]);
});

test("/ready and the board tell how much the first look at Plane has not read yet, until it is complete", async () => {
  const app = await createVirtualTimeApp({ config: { agents: [{ name: "Thot", email: "thot@javisi.local.test" }] } });
  const { plane } = app;
  const thot = plane.addUser({ name: "Thot", email: "thot@javisi.local.test" });
  const project = app.addProject();
  for (const patch of [{ assignees: [thot] }, { assignees: [thot] }, { priority: "urgent" as const }, {}, {}])
    plane.addItem(project, { name: "Task", ...patch });
  const lift = plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
  await app.time.advance(MINUTE, MINUTE);
  await app.start();
  app.takeWebhookBodies();
  await app.runTick("poll", MINUTE);
  const read = async (path: string) =>
    z.looseObject({ first_look: z.unknown().optional() }).parse(await (await app.request(path)).json()).first_look;
  const left = { projects_left: 0, tasks_left: 2, items_left: 1, projects: 1, items_read: 5, percent: 0 };
  for (const path of ["/ready", "/api/board"]) expect(await read(path)).toEqual({ ...left, stage: "blockers" });
  lift();
  await app.time.advance(2 * MINUTE, SECOND);
  for (const path of ["/ready", "/api/board"]) expect(await read(path)).toBeUndefined();
});

const YEAR_S = 31_536_000;

const part = z.object({ ok: z.boolean().nullable(), error: z.string().optional(), hold_s: z.number().default(0) });
const readySchema = z.object({ status: z.string(), plane: part, telegram: part });
const boardSchema = z.object({ health: readySchema.omit({ status: true }) });

async function readStatus(app: VirtualTimeApp) {
  const ready = await app.request("/ready");
  const metrics = await (await app.request("/metrics")).text();
  const seconds = (system: string) =>
    Number(new RegExp(`groundcrew_hold_seconds\\{system="${system}"\\} (\\S+)`).exec(metrics)?.[1]);
  return {
    status: ready.status,
    ready: readySchema.parse(await ready.json()),
    board: boardSchema.parse(await (await app.request("/api/board")).json()).health,
    seconds: { plane: seconds("plane"), telegram: seconds("telegram") },
  };
}

async function startApp() {
  const app = await createVirtualTimeApp({
    outbox: { burstWindow: 0 },
    config: { notifications: [{ events: ["completed"] }] },
  });
  const project = app.addProject();
  const items = app.addItems(project, 6);
  await app.runFirstPoll();
  app.plane.editItem(items[0] ?? "", { state: "Done" });
  await app.deliverWebhooks();
  await app.waitUntilIdle();
  expect((await readStatus(app)).status).toBe(200);
  return { app, items };
}

const deleteHold = (app: VirtualTimeApp, system: string) => app.request(`/api/holds/${system}`, { method: "DELETE" });

test("reliability 32: an excessive Retry-After of Plane makes /ready, the metrics and the board report a hold of 15 minutes at most", async () => {
  const { app } = await startApp();
  app.plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter: YEAR_S }, 1);
  await app.runTick("poll", 3 * MINUTE).catch(() => undefined);
  const { status, ready, board, seconds } = await readStatus(app);
  expect(status).toBe(503);
  const reason = expect.stringMatching(/^Plane asked to wait \(429\): nothing is sent for another \d+ min$/);
  expect(ready).toMatchObject({ status: "not ready", plane: { ok: false, error: reason }, telegram: { ok: true } });
  expect(ready.plane.hold_s).toBeGreaterThan(10 * 60);
  expect(ready.plane.hold_s).toBeLessThanOrEqual(15 * 60);
  expect(board.plane).toEqual(ready.plane);
  expect(seconds).toEqual({ plane: expect.closeTo(ready.plane.hold_s, -1), telegram: 0 });
  await app.start();
  expect((await readStatus(app)).ready.plane.hold_s).toBe(ready.plane.hold_s);
  // One probe is let through, and its success is reported at once.
  expect(await (await deleteHold(app, "plane")).json()).toEqual({ ended: 1 });
  await app.runTick("poll");
  expect(await readStatus(app)).toMatchObject({ seconds: { plane: 0 }, ready: { plane: { ok: true } } });
  expect((await deleteHold(app, "plane")).status).toBe(404);
});

test("reliability 32: an excessive retry_after of Telegram is reported, and DELETE /api/holds/telegram sends the waiting messages", async () => {
  const { app, items } = await startApp();
  app.telegram.injectFaults({ kind: "too_many", seconds: 999_999_999, enforced: 0 });
  for (const item of items.slice(1, 4)) app.plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  await app.time.advance(MINUTE);
  const { status, ready, seconds } = await readStatus(app);
  expect([status, ready.telegram.ok, ready.plane.ok]).toEqual([503, false, true]);
  expect(seconds.telegram).toBeGreaterThan(HOUR / 1000 - 120);
  expect(seconds.telegram).toBeLessThanOrEqual(HOUR / 1000);
  const before = app.telegram.chat(SIMULATED_CHAT).messages.length;
  expect((await deleteHold(app, "telegram")).status).toBe(200);
  await app.waitUntilIdle(MINUTE);
  expect(app.telegram.chat(SIMULATED_CHAT).messages.length).toBe(before + 3);
  expect((await readStatus(app)).status).toBe(200);
});

const MINUTE_MS = 60_000;

type OutageApp = Awaited<ReturnType<typeof createOutageApp>>;

/** Interval of the tick that checks Plane. */
const INTERVAL_MS = 15_000;

/** A running Groundcrew with one task. */
async function createOutageApp() {
  const app = await createCommandsApp();
  app.addTask("Write the mail", "Imhotep");
  await app.runFirstPoll();
  return Object.assign(app, {
    /** Runs the tick every 15 s for this long, in each of these processes. */
    async watch(ms: number, processes: readonly Deps[] = [app.deps]) {
      // Time must not pass while one of them sends: its lease would end, and another would send the message again.
      const drain = () => Promise.all([app.drain(), ...processes.map((deps) => deps.drain())]);
      for (let passed = 0; passed < ms; passed += INTERVAL_MS) {
        await Promise.all(processes.map((deps) => planeTick.run(deps)));
        await drain();
        app.advance(INTERVAL_MS);
        await drain();
      }
    },
    readMessages: () => app.telegram.chat(GROUP_CHAT).messages.map(toPlainText),
  });
}

const AWAY = /^⚠️ Plane has not answered since 08:0\d: [^\n]+\. Groundcrew keeps trying[^\n]+\n👉 Start Plane/;
const BACK = /^✅ Plane is back\. It lasted \d+ min, from 08:0\d to 08:\d\d\.$/;

test.each<[string, (app: OutageApp) => unknown, (app: OutageApp) => unknown]>([
  ["refuses connections", (app) => app.plane.takeDown(), (app) => app.plane.bringUp()],
  [
    "answers 503 only",
    (app) => app.plane.faults.add({ path: "/" }, { kind: "status", status: 503 }),
    (app) => app.plane.faults.clear(),
  ],
])("MONITOR-04 one message tells of a Plane that %s for 2 minutes, edited at its return", async (_, fail, recover) => {
  const app = await createOutageApp();
  app.advance(3 * MINUTE_MS);
  await fail(app);
  await app.watch(2 * MINUTE_MS);
  expect(app.readMessages()).toEqual([]);
  await app.watch(5 * MINUTE_MS);
  expect(app.readMessages()).toEqual([expect.stringMatching(AWAY)]);
  await recover(app);
  await app.watch(INTERVAL_MS);
  expect(app.readMessages()).toEqual([expect.stringMatching(BACK)]);
  await app.watch(5 * MINUTE_MS);
  expect(app.readMessages()).toHaveLength(1);
  expect(app.telegram.chat(GROUP_CHAT).messages.map(({ silent }) => silent ?? false)).toEqual([false]);
});

test("a key that Plane refuses is noticed within 45 s of a call by one notice, which ends with the first answer", async () => {
  const app = await createOutageApp();
  app.advance(3 * MINUTE_MS);
  const body = JSON.stringify({ detail: "Given API token is not valid" });
  app.plane.faults.add({ path: "/api/v1/" }, { kind: "status", status: 403, body });
  await app.poll().catch(() => undefined);
  await app.watch(3 * INTERVAL_MS);
  const said = /^⚠️ Plane has refused Groundcrew's API key since 08:03: .+\n👉 Create a key in Plane/;
  expect(app.readMessages()).toEqual([expect.stringMatching(said)]);
  expect(await app.deps.notices.readCurrent()).toMatchObject([{ kind: "plane_refused" }]);
  app.plane.faults.clear();
  await app.watch(INTERVAL_MS);
  const over = /^✅ Plane accepts Groundcrew's API key again\. It lasted/;
  expect(app.readMessages()).toEqual([expect.stringMatching(over)]);
  expect(await app.deps.notices.readCurrent()).toEqual([]);
});

test("a Plane that is away for less than 2 minutes, asks to wait, or passes only its API is not announced as away", async () => {
  const app = await createOutageApp();
  app.advance(MINUTE_MS);
  for (let n = 0; n < 2; n += 1) {
    await app.plane.takeDown();
    await app.watch(1.75 * MINUTE_MS);
    await app.plane.bringUp();
    await app.watch(MINUTE_MS);
  }
  app.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 404, body: "<html>Not found</html>" });
  await app.watch(5 * MINUTE_MS);
  app.plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter: 900 });
  await app.poll().catch(() => undefined);
  await app.watch(10 * MINUTE_MS);
  expect(app.readMessages()).toEqual([]);
});

test("two processes and a restart announce a Plane that is away, and its return, once each", async () => {
  const app = await createOutageApp();
  const first = app.deps;
  await app.restart();
  const both = [first, app.deps];
  await app.plane.takeDown();
  await app.watch(4 * MINUTE_MS, both);
  expect(app.readMessages()).toHaveLength(1);
  await app.restart();
  await app.watch(10 * MINUTE_MS, [app.deps]);
  expect(app.readMessages()).toHaveLength(1);
  await app.plane.bringUp();
  await app.restart();
  await app.watch(MINUTE_MS, [first, app.deps]);
  expect(app.readMessages()).toEqual([expect.stringMatching(BACK)]);
});

test("MONITOR-04 checks of Plane: none while other calls succeed, else at most one with the key in 2 minutes", async () => {
  const app = await createOutageApp();
  app.plane.ledger.clear();
  for (let n = 0; n < 10; n += 1) {
    await app.watch(INTERVAL_MS);
    await app.poll();
  }
  const isCheck = ({ path }: { path: string }) => path.includes("/users/me/") || path.includes("/api/instances/");
  expect(app.plane.ledger.requests.filter(isCheck).length).toBeLessThanOrEqual(1);
  app.plane.ledger.clear();
  await app.watch(20 * MINUTE_MS);
  expect(app.plane.ledger.requests.filter(({ api }) => api).length).toBeLessThanOrEqual(10);
});
