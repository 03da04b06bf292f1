import { expect, test } from "vitest";
import { z } from "zod";
import { checkRuntime, probeRuntime } from "../../functions/doctor/runtime.ts";
import { manifest } from "../../functions/index.ts";
import type { Tick } from "../../shared/app/deps.ts";
import { HOUR, MINUTE, SECOND } from "../../shared/time.ts";
import { RELIABILITY_ADMIN_TOKEN, SIMULATED_CHAT } from "../reliability/simulators.ts";
import { createVirtualTimeApp, type VirtualTimeApp } from "../reliability/virtual-time-app.ts";
import { createBearerHeaders, RUNTIME_TICK_TOKEN, startTestRuntime } from "../support/test-runtime.ts";

const NEVER = "0 0 1 1 *";

function startWithTicks(ticks: Tick[]) {
  return startTestRuntime({
    manifest: { routes: manifest.routes, ticks, jobHandlers: [], ruleSets: () => [], requestKinds: {} },
  });
}

function requestTick(url: string, name: string) {
  return fetch(`${url}/ticks/${name}`, { method: "POST", ...createBearerHeaders(RUNTIME_TICK_TOKEN) });
}

test("POST /ticks/:name responds with the name, duration and counts of the tick, with the reason when it fails, or with the known names", async () => {
  const run = () => Promise.reject(new Error("Plane did not answer"));
  const { url, lines } = await startWithTicks([
    { name: "cycles", cron: () => NEVER, run: async () => ({ projects: 3 }) },
    { name: "poll", cron: () => NEVER, run },
  ]);
  const ask = async (name: string) => {
    const response = await requestTick(url, name);
    return [response.status, await response.json()];
  };
  expect(await ask("cycles")).toEqual([200, { name: "cycles", ms: expect.any(Number), projects: 3 }]);
  const message = "The tick poll failed: Plane did not answer";
  expect(await ask("poll")).toEqual([503, { error: { code: "unavailable", message } }]);
  expect(lines.find((line) => line["message"] === "tick failed")).toMatchObject({ tick: "poll", level: "error" });
  const unknown = "Unknown tick. Available ticks: cycles, poll.";
  expect(await ask("pol")).toEqual([404, { error: { code: "not_found", message: unknown } }]);
});

/** Starts in a workspace with 3 tasks of an agent, 2 urgent items and 5 others, whose relations Plane cannot give yet. */
async function startWithoutRelations() {
  const config = { agents: [{ name: "Thot", email: "thot@javisi.local.test" }] };
  const app = await createVirtualTimeApp({ config });
  const { plane } = app;
  const thot = plane.addUser({ name: "Thot", email: "thot@javisi.local.test" });
  const project = app.addProject();
  const add = (name: string, patch = {}) => plane.addItem(project, { name, ...patch });
  for (let n = 0; n < 3; n += 1) add("Task", { assignees: [thot] });
  for (let n = 0; n < 2; n += 1) add("Urgent", { priority: "urgent" });
  for (let n = 0; n < 5; n += 1) add("Item");
  const lift = plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
  await app.time.advance(MINUTE, MINUTE);
  await app.start();
  app.takeWebhookBodies();
  await app.runTick("poll", MINUTE);
  return { app, lift };
}

const answerSchema = z.looseObject({ first_look: z.record(z.string(), z.union([z.number(), z.string()])).optional() });

async function readReports(app: VirtualTimeApp) {
  const readField = async (path: string) => answerSchema.parse(await (await app.request(path)).json()).first_look;
  const url = "http://127.0.0.1:8787";
  const fetchApp: typeof fetch = (input, init) => app.request(new URL(String(input)).pathname, init ?? {});
  const probe = await probeRuntime({ fetch: fetchApp, clock: Date.now }, url, RELIABILITY_ADMIN_TOKEN);
  const finding = checkRuntime(url, probe, app.settings).find(({ name }) => name === "first look");
  return { ready: await readField("/ready"), board: await readField("/api/board"), doctor: finding?.detail };
}

test("/ready, the board and the doctor tell how much the first look at Plane has not read yet, until it is complete", async () => {
  const { app, lift } = await startWithoutRelations();
  const left = {
    projects_left: 0,
    tasks_left: 3,
    items_left: 2,
    projects: 1,
    items_read: 10,
    stage: "blockers",
    percent: 0,
  };
  expect(await readReports(app)).toEqual({
    ready: left,
    board: left,
    doctor:
      "Groundcrew still reads what was in Plane before: 0 projects, the blockers of 3 tasks of agents, and those of 2 other items (0 % of the blockers read)",
  });
  lift();
  await app.time.advance(2 * MINUTE, SECOND);
  expect(await readReports(app)).toEqual({ ready: undefined, board: undefined, doctor: undefined });
});

const COMPLETED = { notifications: [{ events: ["completed"] }] };
const YEAR_S = 31_536_000;

const partSchema = z.object({
  ok: z.boolean().nullable(),
  age_s: z.number().nullable(),
  error: z.string().optional(),
  hold_s: z.number().default(0),
});
const readySchema = z.object({ status: z.string(), plane: partSchema, telegram: partSchema });
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
  const app = await createVirtualTimeApp({ outbox: { burstWindow: 0 }, config: COMPLETED });
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

async function holdPlane() {
  const { app } = await startApp();
  app.plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter: YEAR_S }, 1);
  await app.runTick("poll", 3 * MINUTE).catch(() => undefined);
  return app;
}

test("reliability 32: an excessive Retry-After of Plane makes /ready, the metrics and the board report a hold of 15 minutes at most", async () => {
  const app = await holdPlane();
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
});

test("DELETE /api/holds/plane lets one probe through, and its success is reported at once", async () => {
  const app = await holdPlane();
  expect(await (await deleteHold(app, "plane")).json()).toEqual({ ended: 1 });
  await app.runTick("poll");
  expect(await readStatus(app)).toMatchObject({ status: 200, seconds: { plane: 0 }, ready: { plane: { ok: true } } });
  expect((await deleteHold(app, "plane")).status).toBe(404);
});

test("DELETE /api/holds/plane is followed by another hold when the probe is answered with 429 again", async () => {
  const app = await holdPlane();
  app.plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter: YEAR_S }, 1);
  await deleteHold(app, "plane");
  await app.runTick("poll", 3 * MINUTE).catch(() => undefined);
  const { status, ready } = await readStatus(app);
  expect([status, ready.plane.ok]).toEqual([503, false]);
  expect(ready.plane.hold_s).toBeGreaterThan(10 * 60);
});

test("DELETE /api/holds needs a token and the name of a system that can be held", async () => {
  const { app } = await startApp();
  expect((await deleteHold(app, "redis")).status).toBe(404);
  expect((await deleteHold(app, "plane")).status).toBe(404);
  const headers = { authorization: "Bearer wrong" };
  expect((await app.request("/api/holds/plane", { method: "DELETE", headers })).status).toBe(401);
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
