import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createForwardRules, forwardHandler } from "../../../functions/forward.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import type { ForwardSettings } from "../../../shared/config/settings-file.ts";
import { createLog } from "../../../shared/log.ts";
import type { Store } from "../../../shared/store/port.ts";
import { DAY } from "../../../shared/time.ts";
import { facts, SECRET } from "./forward-facts.ts";

interface Received {
  headers: Record<string, string>;
  text: string;
}

describe("NOTIF-03: forwarding to other systems", () => {
  let now = Date.parse("2026-11-21T05:00:00Z");
  let store: Store;
  let url: string;
  let more: ForwardSettings[];
  let answers: { status: number; headers?: Record<string, string> }[];
  let received: Received[];
  let logged: string[];
  let stop: () => Promise<void>;

  beforeEach(async () => {
    now = Date.parse("2026-11-21T05:00:00Z");
    store = createMemoryStore({ clock: () => now });
    more = [];
    answers = [];
    received = [];
    logged = [];
    const app = new Hono().all("*", async (c) => {
      received.push({ headers: c.req.header(), text: await c.req.text() });
      const { status, headers } = answers.shift() ?? { status: 204 };
      return new Response(null, { status, headers: headers ?? {} });
    });
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/hook`;
    stop = () => new Promise((resolve) => server.close(() => resolve()));
  });

  afterEach(() => stop());

  function deps(): Deps {
    const settings = { forward: [{ url, secret: SECRET, events: ["issue.completed", "issue.updated"] }, ...more] };
    const log = createLog({ level: "debug", clock: () => now, write: (line) => logged.push(line) });
    return { settings, store, log, clock: () => now, fetch } as unknown as Deps;
  }

  async function enqueueEvent(kind: "completed" | "cancelled" = "completed") {
    const { settings } = deps();
    const [action] = createForwardRules(settings.forward).decide({ kind }, facts, "c-1");
    if (!action) throw new Error("the rule decided nothing");
    await store.commit({
      jobs: [{ id: `item:1:0:${kind}:${action.target}`, ...action, body: JSON.parse(JSON.stringify(action.body)) }],
    });
  }

  async function workNextJob() {
    const [job] = await store.take("forward", 60_000, 1);
    if (!job) return undefined;
    const jobResult = await forwardHandler.handle(deps(), job);
    await store.acknowledge(job, jobResult);
    return jobResult;
  }

  test("sends an event that the receiver verifies with the Standard Webhooks library", async () => {
    await enqueueEvent();
    expect(await workNextJob()).toEqual({ done: true });
    const [request] = received;
    const clock = Date.now;
    Date.now = () => now;
    try {
      const payload = new Webhook(SECRET).verify(request?.text ?? "", request?.headers ?? {}) as Record<
        string,
        unknown
      >;
      expect(payload).toMatchObject({
        type: "issue.completed",
        timestamp: facts.at,
        data: {
          change: { kind: "completed" },
          item: { key: "ONB-2", title: facts.item?.title },
          project: { identifier: "ONB" },
        },
      });
    } finally {
      Date.now = clock;
    }
    expect(request?.headers["webhook-id"]).toBe(`item:1:0:completed:forward:${url}`);
  });

  test("tries again after 5 s and 5 min with the same webhook-id when the receiver fails", async () => {
    answers = [{ status: 500 }, { status: 503 }];
    await enqueueEvent();
    // The next event of the task waits for it.
    await enqueueEvent("cancelled");
    expect(await workNextJob()).toEqual({ retryAt: now + 5_000, failed: true });
    expect(await workNextJob()).toBeUndefined();
    now += 5_000;
    expect(await workNextJob()).toEqual({ retryAt: now + 300_000, failed: true });
    now += 300_000;
    expect(await workNextJob()).toEqual({ done: true });
    expect(new Set(received.map((request) => request.headers["webhook-id"])).size).toBe(1);
    expect(await workNextJob()).toEqual({ done: true });
    expect(await workNextJob()).toBeUndefined();
  });

  test("waits as long as the receiver's Retry-After says", async () => {
    answers = [{ status: 429, headers: { "retry-after": "120" } }];
    await enqueueEvent();
    expect(await workNextJob()).toEqual({ retryAt: now + 120_000, failed: true });
  });

  test("moves an event to dead letters, with the last response as the reason, when every attempt failed", async () => {
    answers = Array.from({ length: 20 }, () => ({ status: 500 }));
    await enqueueEvent();
    for (;;) {
      const jobResult = await workNextJob();
      if (jobResult && "dead" in jobResult) break;
      if (jobResult && "retryAt" in jobResult) now = jobResult.retryAt;
    }
    expect((await store.listDeadJobs("forward")).map((job) => job.reason)).toEqual(["answered 500"]);
    expect(received).toHaveLength(10);
    // About three days after the first attempt, as the documentation says.
    const days = (now - Date.parse("2026-11-21T05:00:00Z")) / DAY;
    expect(days).toBeGreaterThan(2.5);
    expect(days).toBeLessThan(4);
  });

  test("stops at once when the receiver answers 410 Gone", async () => {
    answers = [{ status: 410 }];
    await enqueueEvent();
    expect(await workNextJob()).toEqual({ dead: "answered 410" });
  });

  test("does not follow a redirect", async () => {
    answers = [{ status: 302, headers: { location: "http://127.0.0.1:1/" } }];
    await enqueueEvent();
    expect(await workNextJob()).toEqual({ retryAt: now + 5_000, failed: true });
    expect(received).toHaveLength(1);
  });

  test("signs each event with the secret of its entry when the settings contain a URL twice", async () => {
    const other = `whsec_${btoa("another secret of thirty-two byt")}`;
    more = [{ url, secret: other, events: ["cycle.started"] }];
    for (const event of [{ kind: "completed" }, { kind: "cycle_started" }] as const) {
      for (const { rule, ...action } of createForwardRules(deps().settings.forward).decide(event, facts, "c-1"))
        await store.commit({ jobs: [{ id: `${rule}`, ...action, body: JSON.parse(JSON.stringify(action.body)) }] });
      expect(await workNextJob()).toEqual({ done: true });
    }
    const signatures = received.map(({ headers, text }, i) => {
      const id = headers["webhook-id"] ?? "";
      return new Webhook(i === 0 ? SECRET : other).sign(id, new Date(now), text);
    });
    expect(received.map(({ headers }) => headers["webhook-signature"])).toEqual(signatures);
    expect(received).toHaveLength(2);
  });
});
