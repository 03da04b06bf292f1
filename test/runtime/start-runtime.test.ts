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

const NOTHING: Manifest = { routes: manifest.routes, ticks: [], jobHandlers: [], ruleSets: () => [], requestKinds: {} };
const createTick = (run: Tick["run"]): Tick => ({ name: "cycles", cron: () => "0 0 1 1 *", run });
const createWorker = (handle: Manifest["jobHandlers"][number]["handle"]): Manifest["jobHandlers"][number] => ({
  ...{ queue: "inbox", leaseMs: 60_000, concurrency: 1, handle },
});

/** Waits as the product does, except for the 8 s after which stopping gives up: they never end. */
const waitWithoutStopLimit: typeof wait = (ms, signal) => (ms === 8_000 ? new Promise(() => {}) : wait(ms, signal));

test("Stopping the runtime answers open requests, takes no new ones, waits for no idle connection, and then closes the store", async () => {
  const gate = Promise.withResolvers<void>();
  let begun = false;
  const answer = () => {
    begun = true;
    return gate.promise.then(() => new Response("done"));
  };
  const route: Route = { path: "/slow", access: "public", app: () => new Hono().get("/", answer) };
  const countForcedCloses = watchForcedCloses();
  const manifest = { ...NOTHING, routes: [route] };
  const { url, stop, store } = await startTestRuntime({ manifest, overrides: { wait: waitWithoutStopLimit } });
  const idle = await openConnection(url);
  const answered = fetch(`${url}/slow`).then((response) => response.text());
  await expect.poll(() => begun).toBe(true);
  const stopped = stop();
  await expect(openConnection(url)).rejects.toThrow("ECONNREFUSED");
  expect(await store.now()).toBeGreaterThan(0);
  gate.resolve();
  expect(await answered).toBe("done");
  await stopped;
  expect((await idle.ended).text).toBe("");
  expect(countForcedCloses()).toBe(0);
  await expect(store.now()).rejects.toThrow("closed");
});

test.each([
  ["tick", "job"],
  ["job", "tick"],
] as const)(
  "Stopping the runtime waits for a running %s and a running %s that ends last, and begins no others",
  async (firstToEnd, lastToEnd) => {
    const gates = { tick: Promise.withResolvers<void>(), job: Promise.withResolvers<void>() };
    const begun: string[] = [];
    const ended: string[] = [];
    const run = async (name: keyof typeof gates) => {
      begun.push(name);
      await gates[name].promise;
      ended.push(name);
    };
    const tick = createTick(() => run("tick").then(() => ({})));
    const worker = createWorker(() => run("job").then(() => ({ done: true })));
    const manifest = { ...NOTHING, ticks: [tick], jobHandlers: [worker] };
    const { url, stop, deps } = await startTestRuntime({ manifest });
    for (const id of ["first", "second"]) await postWebhook(url, JSON.stringify({ event: "issue", data: { id } }));
    void deps.ticks.runNow("cycles");
    await expect.poll(() => begun.toSorted()).toEqual(["job", "tick"]);
    const stopped = stop().then(() => ended.push("stopped"));
    gates[firstToEnd].resolve();
    await expect(openConnection(url)).rejects.toThrow("ECONNREFUSED");
    // A runtime that does not wait for the last one stops within these turns of the event loop.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    gates[lastToEnd].resolve();
    await stopped;
    expect(ended).toEqual([firstToEnd, lastToEnd, "stopped"]);
    expect(begun).toHaveLength(2);
  },
);

test("Stopping the runtime does not wait longer than 8 s for running work", async () => {
  const limit = Promise.withResolvers<void>();
  let begun = false;
  const hanging = createTick(() => {
    begun = true;
    return new Promise(() => {});
  });
  const { stop, deps, lines } = await startTestRuntime({
    manifest: { ...NOTHING, ticks: [hanging] },
    overrides: { wait: (ms, signal) => (ms === 8_000 ? limit.promise : wait(ms, signal)) },
  });
  void deps.ticks.runNow("cycles");
  await expect.poll(() => begun).toBe(true);
  const stopped = stop();
  expect(lines.at(-1)).toMatchObject({ message: "stopping" });
  limit.resolve();
  await stopped;
  expect(lines.at(-1)).toMatchObject({ message: "stopped" });
});

test("Starting the runtime on a port in use fails with that reason, names METRICS_PORT, and leaves nothing open", async () => {
  const { port } = new URL((await startTestRuntime()).url);
  const store = createMemoryStore({ clock: Date.now });
  const settings = createTestSettings({ ...RUNTIME_ENV, PORT: port });
  const starting = startRuntime(settings, { manifest: NOTHING, write: () => {}, overrides: { store } });
  await expect(starting).rejects.toThrow(/127\.0\.0\.1:\d+: the port is in use by another program.*HOST or PORT/);
  await expect(store.now()).rejects.toThrow("closed");
  const reason = "the port is in use by another program. Change HOST or METRICS_PORT.";
  await expect(startTestRuntime({ env: { METRICS_PORT: port } })).rejects.toThrow(reason);
});

test("Starting the runtime works the jobs that remained in the queues, and runs a tick when it is due, also after it has failed", async () => {
  const store = createMemoryStore({ clock: Date.now });
  await store.commit({ jobs: [{ id: "left", queue: "inbox", lane: "a", body: {} }] });
  const worked: string[] = [];
  const worker = createWorker(async (_, job) => {
    worked.push(job.id);
    return { done: true };
  });
  const runs: string[] = [];
  const tick: Tick = {
    name: "cycles",
    cron: (settings) => settings.pollCron,
    async run(deps) {
      runs.push(deps.settings.timezone);
      throw new Error("failure");
    },
  };
  const env = { POLL_CRON: "* * * * * *", TIMEZONE: "Europe/Paris" };
  await startTestRuntime({ store, env, manifest: { ...NOTHING, jobHandlers: [worker], ticks: [tick] } });
  await expect.poll(() => worked).toEqual(["left"]);
  await expect.poll(() => runs.length).toBeGreaterThan(1);
  expect(runs[0]).toBe("Europe/Paris");
});

test("Bytes that are not HTTP, headers that are too large and a path with a backslash are refused in JSON", async () => {
  const { url } = await startTestRuntime();
  const large = `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
  const backslash = "GET /\\x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  for (const [bytes, status] of Object.entries({ "HELLO\r\n\r\n": "400", [large]: "431", [backslash]: "400" })) {
    const raw = await openConnection(url);
    raw.socket.write(bytes);
    const { text } = await raw.ended;
    for (const part of [status, '{"error":{"code":"bad_request"']) expect(text).toContain(part);
  }
});
