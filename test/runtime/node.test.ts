import { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import { manifest } from "../../functions/index.ts";
import { startRuntime } from "../../runtime/node.ts";
import { wait } from "../../runtime/wait.ts";
import type { Manifest, Route, Tick } from "../../shared/deps.ts";
import { memoryStore } from "../../shared/store/memory.ts";
import { redisIsHere, startRedis } from "../redis.ts";
import { settingsOf } from "../shared/config/given.ts";
import { open } from "./raw.ts";
import { deliver, ENV, started } from "./started.ts";

const NONE: Manifest = { routes: manifest.routes, ticks: [], workers: [], consumers: () => [] };

/** Something that ends when the test says so. */
function gate() {
  let pass = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return { passed, open: () => pass() };
}

function routeThat(work: () => Promise<void>): Route {
  const answer = async () => {
    await work();
    return new Response("done");
  };
  return { path: "/slow", access: "public", app: () => new Hono().get("/", answer) };
}

describe("A stop", () => {
  it("lets a request at work be answered, takes no new one, and then closes the store", async () => {
    const { passed, open: finish } = gate();
    let begun = false;
    const route = routeThat(() => {
      begun = true;
      return passed;
    });
    const { url, stop, store } = await started({ manifest: { ...NONE, routes: [route] } });
    const answer = fetch(`${url}/slow`).then((response) => response.text());
    await expect.poll(() => begun).toBe(true);
    const stopped = stop();
    await expect(open(url)).rejects.toThrow("ECONNREFUSED");
    expect(await store.now()).toBeGreaterThan(0);
    finish();
    expect(await answer).toBe("done");
    const answeredAt = performance.now();
    await stopped;
    expect(performance.now() - answeredAt).toBeLessThan(2_000);
    await expect(store.now()).rejects.toThrow("closed");
  });

  it("is not held up by connections that are kept and do nothing", async () => {
    const { url, stop } = await started();
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const idle = await open(url);
    const startedAt = performance.now();
    await stop();
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect((await idle.ended).text).toBe("");
  });

  it("waits for a tick and a job at work and begins no other", async () => {
    const { passed, open: finish } = gate();
    const done: string[] = [];
    const tick: Tick = {
      name: "cycles",
      cron: () => "0 0 1 1 *",
      async run() {
        await passed;
        done.push("tick");
        return {};
      },
    };
    const worker: Manifest["workers"][number] = {
      queue: "inbox",
      ttl: 60_000,
      parallel: 1,
      async work(_, job) {
        await passed;
        done.push(job.lane);
        return { done: true };
      },
    };
    const { url, stop, deps, store } = await started({ manifest: { ...NONE, ticks: [tick], workers: [worker] } });
    for (const id of ["first", "second"]) await deliver(url, JSON.stringify({ event: "issue", data: { id } }));
    void deps.ticks.now("cycles");
    await expect.poll(async () => (await store.take("inbox", 1, 0)).length).toBe(0);
    const stopped = stop();
    finish();
    await stopped;
    expect(done.sort()).toEqual(["first", "tick"]);
  });

  it("cuts off after 8 s what does not end", async () => {
    const hanging = routeThat(() => new Promise(() => {}));
    const { url, stop, lines } = await started({
      manifest: { ...NONE, routes: [hanging] },
      overrides: { wait: (ms, signal) => (ms === 8_000 ? Promise.resolve() : wait(ms, signal)) },
    });
    const answer = fetch(`${url}/slow`).catch(() => "broken");
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    await stop();
    expect(lines.at(-1)).toMatchObject({ message: "stopped" });
    void answer;
  });

  it("twice is one", async () => {
    const { stop, lines } = await started();
    await Promise.all([stop(), stop()]);
    expect(lines.filter((line) => line["message"] === "stopped")).toHaveLength(1);
  });
});

describe("A start", () => {
  it("on a port in use says so and leaves nothing open", async () => {
    const { url } = await started();
    const store = memoryStore({ clock: Date.now });
    const settings = settingsOf({ ...ENV, PORT: new URL(url).port });
    const starting = startRuntime(settings, { manifest: NONE, write: () => {}, overrides: { store } });
    await expect(starting).rejects.toThrow(/127\.0\.0\.1:\d+ is in use by another program.*HOST and PORT/);
    await expect(store.now()).rejects.toThrow("closed");
  });

  it("polls at once, for what was missed while it was down", async () => {
    const { asked } = await started();
    await expect.poll(() => asked.length).toBe(1);
  });

  it.skipIf(!redisIsHere())("says when it loses its Redis, and when it is back", async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const lines: string[] = [];
    const settings = settingsOf({ ...ENV, STORE_URL: redis.url });
    const { stop } = await startRuntime(settings, { manifest: NONE, write: (line) => lines.push(line) });
    onTestFinished(stop);
    await redis.kill();
    await expect.poll(() => lines.join("\n")).toContain("lost the connection to redis");
    const before = lines.length;
    await redis.start();
    await expect.poll(() => lines.slice(before).join("\n"), { timeout: 5_000 }).toContain("connected to redis");
  });

  it("works what was left in the queues", async () => {
    const store = memoryStore({ clock: Date.now });
    await store.commit({ jobs: [{ id: "left", queue: "inbox", lane: "a", body: {} }] });
    const worked: string[] = [];
    const worker: Manifest["workers"][number] = {
      queue: "inbox",
      ttl: 1000,
      parallel: 1,
      async work(_, job) {
        worked.push(job.id);
        return { done: true };
      },
    };
    await started({ store, manifest: { ...NONE, workers: [worker] } });
    await expect.poll(() => worked).toEqual(["left"]);
  });
});

describe("The clock", () => {
  it("runs a tick when its time comes, in the settings' words", async () => {
    const runs: string[] = [];
    const tick: Tick = {
      name: "cycles",
      cron: (settings) => settings.pollCron,
      async run(deps) {
        runs.push(deps.settings.timezone);
        return {};
      },
    };
    await started({
      env: { POLL_CRON: "* * * * * *", TIMEZONE: "Europe/Paris" },
      manifest: { ...NONE, ticks: [tick] },
    });
    await expect.poll(() => runs.length, { timeout: 5_000 }).toBeGreaterThan(1);
    expect(runs[0]).toBe("Europe/Paris");
  });

  it("goes on after a tick that failed", async () => {
    let runs = 0;
    const run = () => Promise.reject(new Error(`failure ${++runs}`));
    const tick: Tick = { name: "cycles", cron: () => "* * * * * *", run };
    const { lines } = await started({ manifest: { ...NONE, ticks: [tick] } });
    await expect.poll(() => runs, { timeout: 5_000 }).toBeGreaterThan(1);
    expect(lines.filter((line) => line["message"] === "tick failed").length).toBeGreaterThan(0);
  });
});

describe("Bytes that are no HTTP", () => {
  it.each([
    ["nonsense", "HELLO\r\n\r\n", "400 Bad Request"],
    ["a head that is too large", `GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, "431"],
    ["a Host that is none", "GET /health HTTP/1.1\r\nHost: a b/c\r\nConnection: close\r\n\r\n", "400"],
    ["a path with a backslash", "GET /\\x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "400"],
  ])("such as %s are refused in JSON", async (_, bytes, status) => {
    const { url } = await started();
    const raw = await open(url);
    raw.socket.write(bytes);
    const { text } = await raw.ended;
    expect(text).toContain(status);
    expect(text).toContain('{"error":{"code":"bad_request"');
  });
});
