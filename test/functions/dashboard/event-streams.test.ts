import { expect, onTestFinished, test } from "vitest";
import { createEventStreams } from "../../../functions/dashboard/events-route.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createHealth, createStoreHealth } from "../../../shared/app/health.ts";
import type { EventStreamOptions } from "../../../shared/http/event-streams.ts";
import { ADMIN_VIEWER } from "../../../shared/people/viewer.ts";
import { decisionSet } from "../../../shared/records/decision-log.ts";
import { toNewsPut } from "../../../shared/tickets/stored-tickets.ts";
import {
  createBearerHeaders,
  RUNTIME_ADMIN_TOKEN,
  startTestRuntime,
  watchForcedCloses,
} from "../../support/test-runtime.ts";

const keepText = (text: string) => text;

/** A clock that only the test advances; each step is one check of the store. */
function createStreamsSetup(options: Partial<EventStreamOptions> = {}) {
  const time = { now: 1_000_000 };
  const stop = new AbortController();
  let wakeStream: (() => void) | undefined;
  const store = createMemoryStore({ clock: () => time.now });
  const streams = createEventStreams(
    {
      store,
      health: createHealth(() => time.now, keepText),
      storeHealth: createStoreHealth(keepText),
      notices: { report: async () => {}, recordAlive: async () => false, readCurrent: async () => [] },
      clock: () => time.now,
      stopping: stop.signal,
      wait: (_, signal) =>
        new Promise((resolve) => {
          wakeStream = resolve;
          signal?.addEventListener("abort", () => resolve());
        }),
    },
    { maxStreams: 20, checkInterval: 400, heartbeatInterval: 15_000, maxAge: 300_000, ...options },
  );
  /** Lets the streams do what they can without time. */
  async function settle() {
    for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  async function step(ms = 400) {
    await settle();
    time.now += ms;
    wakeStream?.();
    await settle();
  }
  let n = 0;
  const change = () => store.commit({ put: [{ key: `decision:${++n}`, value: {}, sets: [decisionSet] }] });
  onTestFinished(() => stop.abort());
  return { streams, step, change, store };
}

function openStream({ streams }: Pick<ReturnType<typeof createStreamsSetup>, "streams">) {
  const stream = streams.open({ viewer: ADMIN_VIEWER, mayRead: async () => true });
  if (!stream) throw new Error("refused");
  const reader = stream.getReader();
  const next = async () => {
    const { value, done } = await reader.read();
    return done ? "the end" : new TextDecoder().decode(value);
  };
  return { next, reader };
}

test("an event stream names the tickets that changed, each with its state, and sessions with news, once", async () => {
  const it = createStreamsSetup();
  const changeTicket = (key: string, state: "approved" | "running") =>
    it.store.commit({ put: [toNewsPut({ event: "ticket", data: { id: key, state, reason: "why", run: 1 } })] });
  await changeTicket("ONB-1", "approved");
  const { next } = openStream(it);
  await next();
  await it.step();
  // What changed before the stream was opened is in what the page fetches.
  expect(await next()).toMatch(/^event: change\ndata: [\d.]+\n\n$/);
  await changeTicket("ONB-1", "running");
  for (let i = 2; i <= 30; i += 1) await changeTicket(`ONB-${i}`, "approved");
  await it.store.commit({ put: [toNewsPut({ event: "session", data: { id: "ONB-1", run: 1 } })] });
  await it.step();
  const events = (await next()).split("\n\n").filter((event) => event !== "");
  expect(events).toHaveLength(31);
  expect(events[0]).toBe('event: ticket\ndata: {"id":"ONB-1","state":"running","reason":"why","run":1}');
  expect(events[30]).toBe('event: session\ndata: {"id":"ONB-1","run":1}');
  await it.step();
  await it.change();
  await it.step();
  expect(await next()).toMatch(/^event: change\n/);
});

test("many event streams with stalled readers are aborted, the oldest of them for a new stream", async () => {
  const it = createStreamsSetup({ maxStreams: 2 });
  const [deaf, reading] = [openStream(it), openStream(it)];
  await reading.next();
  for (let i = 0; i < 15; i += 1) {
    await it.change();
    await it.step();
    await reading.next();
  }
  expect(await openStream(it).next()).toContain("change");
  await expect(
    (async () => {
      for (;;) if ((await deaf.next()) === "the end") return;
    })(),
  ).rejects.toThrow("too slow");
  expect(it.streams.size).toBe(2);
});

test("the 21st event stream over HTTP is refused with 503, and stopping does not wait for open streams (reliability 27)", async () => {
  const runtime = await startTestRuntime();
  const over = new AbortController();
  const open = () =>
    fetch(`${runtime.url}/api/events`, { ...createBearerHeaders(RUNTIME_ADMIN_TOKEN), signal: over.signal });
  const streams = await Promise.all(Array.from({ length: 20 }, open));
  expect(streams.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(streams[0]?.headers.get("content-type")).toBe("text/event-stream");
  const refused = await Promise.all(Array.from({ length: 5 }, open));
  expect(refused.map(({ status }) => status)).toEqual(Array(5).fill(503));
  expect(await refused[0]?.json()).toMatchObject({ error: { code: "unavailable" } });
  expect((await fetch(`${runtime.url}/health`)).status).toBe(200);
  const countForcedCloses = watchForcedCloses();
  await runtime.stop();
  expect(countForcedCloses()).toBe(0);
  over.abort();
});

test("an event stream beats every 15 s, and is opened again after the clock was set back (reliability 9)", async () => {
  const it = createStreamsSetup();
  const { next } = openStream(it);
  await next();
  await it.step();
  await next();
  await it.step(15_000);
  expect(await next()).toMatch(/^event: beat/);
  await it.step(-900_000);
  expect(await next()).toBe("event: again\ndata: \n\n");
  expect(await next()).toBe("the end");
});
