import { Hono } from "hono";
import { expect, test } from "vitest";
import { manifest } from "../../functions/index.ts";
import { startRuntime } from "../../runtime/start-runtime.ts";
import { createMemoryStore } from "../../runtime/stores/sqlite-store.ts";
import type { Manifest, Route, Tick } from "../../shared/app/deps.ts";
import { wait } from "../../shared/time.ts";
import { openConnection } from "../support/raw-connection.ts";
import { createTestSettings } from "../support/settings.ts";
import { postWebhook, RUNTIME_ENV, startTestRuntime, watchForcedCloses } from "../support/test-runtime.ts";

const ROUTES_ONLY: Manifest = {
  routes: manifest.routes,
  ticks: [],
  jobHandlers: [],
  ruleSets: () => [],
  requestKinds: {},
};

/** Waits as the product does, except for the 8 s after which stopping gives up: they never end. */
const waitWithoutStopLimit: typeof wait = (ms, signal) => (ms === 8_000 ? new Promise(() => {}) : wait(ms, signal));

/** Creates a promise that the test resolves. */
function createGate() {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { passed, open: () => pass() };
}

function createSlowRoute(work: () => Promise<void>): Route {
  const answer = async () => {
    await work();
    return new Response("done");
  };
  return { path: "/slow", access: "public", app: () => new Hono().get("/", answer) };
}

test("Stopping the runtime answers open requests, takes no new ones, and then closes the store", async () => {
  const { passed, open: finish } = createGate();
  let begun = false;
  const route = createSlowRoute(() => {
    begun = true;
    return passed;
  });
  const countForcedCloses = watchForcedCloses();
  const { url, stop, store } = await startTestRuntime({
    manifest: { ...ROUTES_ONLY, routes: [route] },
    overrides: { wait: waitWithoutStopLimit },
  });
  const answer = fetch(`${url}/slow`).then((response) => response.text());
  await expect.poll(() => begun).toBe(true);
  const stopped = stop();
  await expect(openConnection(url)).rejects.toThrow("ECONNREFUSED");
  expect(await store.now()).toBeGreaterThan(0);
  finish();
  expect(await answer).toBe("done");
  await stopped;
  expect(countForcedCloses()).toBe(0);
  await expect(store.now()).rejects.toThrow("closed");
});

test("Stopping the runtime does not wait for idle keep-alive connections", async () => {
  const countForcedCloses = watchForcedCloses();
  const { url, stop } = await startTestRuntime({ overrides: { wait: waitWithoutStopLimit } });
  expect((await fetch(`${url}/health`)).status).toBe(200);
  const idle = await openConnection(url);
  await stop();
  expect(countForcedCloses()).toBe(0);
  expect((await idle.ended).text).toBe("");
});

test.each([
  ["tick", "job"],
  ["job", "tick"],
] as const)(
  "Stopping the runtime waits for a running %s and a running %s that ends last, and begins no others",
  async (firstToEnd, lastToEnd) => {
    const gates = { tick: createGate(), job: createGate() };
    const begun: string[] = [];
    const ended: string[] = [];
    const run = async (name: keyof typeof gates) => {
      begun.push(name);
      await gates[name].passed;
      ended.push(name);
    };
    const tick: Tick = { name: "cycles", cron: () => "0 0 1 1 *", run: () => run("tick").then(() => ({})) };
    const worker: Manifest["jobHandlers"][number] = {
      queue: "inbox",
      leaseMs: 60_000,
      concurrency: 1,
      handle: () => run("job").then(() => ({ done: true })),
    };
    const { url, stop, deps } = await startTestRuntime({
      manifest: { ...ROUTES_ONLY, ticks: [tick], jobHandlers: [worker] },
    });
    for (const id of ["first", "second"]) await postWebhook(url, JSON.stringify({ event: "issue", data: { id } }));
    void deps.ticks.runNow("cycles");
    await expect.poll(() => begun.toSorted()).toEqual(["job", "tick"]);
    const stopped = stop().then(() => ended.push("stopped"));
    gates[firstToEnd].open();
    await expect(openConnection(url)).rejects.toThrow("ECONNREFUSED");
    // A runtime that does not wait for the last one stops within these turns of the event loop.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    gates[lastToEnd].open();
    await stopped;
    expect(ended).toEqual([firstToEnd, lastToEnd, "stopped"]);
    expect(begun).toHaveLength(2);
  },
);

test("Stopping the runtime does not wait longer than 8 s for running work", async () => {
  const { passed: timedOut, open: reachTimeout } = createGate();
  let begun = false;
  const hanging: Tick = {
    name: "cycles",
    cron: () => "0 0 1 1 *",
    run() {
      begun = true;
      return new Promise(() => {});
    },
  };
  const { stop, deps, lines } = await startTestRuntime({
    manifest: { ...ROUTES_ONLY, ticks: [hanging] },
    overrides: { wait: (ms, signal) => (ms === 8_000 ? timedOut : wait(ms, signal)) },
  });
  void deps.ticks.runNow("cycles");
  await expect.poll(() => begun).toBe(true);
  const stopped = stop();
  expect(lines.at(-1)).toMatchObject({ message: "stopping" });
  reachTimeout();
  await stopped;
  expect(lines.at(-1)).toMatchObject({ message: "stopped" });
});

test("Starting the runtime on a port in use fails with that reason and leaves nothing open", async () => {
  const { url } = await startTestRuntime();
  const store = createMemoryStore({ clock: Date.now });
  const settings = createTestSettings({ ...RUNTIME_ENV, PORT: new URL(url).port });
  const starting = startRuntime(settings, { manifest: ROUTES_ONLY, write: () => {}, overrides: { store } });
  await expect(starting).rejects.toThrow(/127\.0\.0\.1:\d+: the port is in use by another program.*HOST or PORT/);
  await expect(store.now()).rejects.toThrow("closed");
});

test("Starting the runtime works the jobs that remained in the queues", async () => {
  const store = createMemoryStore({ clock: Date.now });
  await store.commit({ jobs: [{ id: "left", queue: "inbox", lane: "a", body: {} }] });
  const worked: string[] = [];
  const worker: Manifest["jobHandlers"][number] = {
    queue: "inbox",
    leaseMs: 1000,
    concurrency: 1,
    async handle(_, job) {
      worked.push(job.id);
      return { done: true };
    },
  };
  await startTestRuntime({ store, manifest: { ...ROUTES_ONLY, jobHandlers: [worker] } });
  await expect.poll(() => worked).toEqual(["left"]);
});

test("The schedule runs a tick when it is due by its cron expression, also after it has failed", async () => {
  const runs: string[] = [];
  const tick: Tick = {
    name: "cycles",
    cron: (settings) => settings.pollCron,
    async run(deps) {
      runs.push(deps.settings.timezone);
      throw new Error("failure");
    },
  };
  await startTestRuntime({
    env: { POLL_CRON: "* * * * * *", TIMEZONE: "Europe/Paris" },
    manifest: { ...ROUTES_ONLY, ticks: [tick] },
  });
  await expect.poll(() => runs.length).toBeGreaterThan(1);
  expect(runs[0]).toBe("Europe/Paris");
});

test("A METRICS_PORT that is in use is named in the error", async () => {
  const { url } = await startTestRuntime();
  await expect(startTestRuntime({ env: { METRICS_PORT: new URL(url).port } })).rejects.toThrow(
    "the port is in use by another program. Change HOST or METRICS_PORT.",
  );
});

test.each([
  ["nonsense", "HELLO\r\n\r\n", "400 Bad Request"],
  ["headers that are too large", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
  ["a path with a backslash", "GET /\\x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400"],
])("Bytes that are not HTTP such as %s are refused in JSON", async (_, bytes, status) => {
  const { url } = await startTestRuntime();
  const raw = await openConnection(url);
  raw.socket.write(bytes);
  const { text } = await raw.ended;
  expect(text).toContain(status);
  expect(text).toContain('{"error":{"code":"bad_request"');
});
