import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { Webhook } from "standardwebhooks";
import { expect, onTestFinished, test, vi } from "vitest";
import { createForwardRules, forwardHandler, toCommonName } from "../../../functions/forward.ts";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import { type ForwardSettings, settingsFileSchema } from "../../../shared/config/settings-file.ts";
import { createLog } from "../../../shared/log.ts";
import { type AnyEvent, EVENT_KINDS, PLAN_EVENT_KINDS, WORK_EVENT_KINDS } from "../../../shared/task/events.ts";
import type { EventFacts } from "../../../shared/task/rule-set.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqr";
const START = Date.parse("2026-11-21T05:00:00Z");

/** The facts of an event about a finished task. */
const facts: EventFacts = {
  item: {
    ...{ id: "525a36c6-8126-4aad-b630-aaae2a6649ec", key: "ONB-2", title: "Deploy <b>Plane</b> — déjà vu" },
    ...{ word: "done", priority: "high", due: null, url: "http://plane.test/javisi/browse/ONB-2/" },
    ...{ assignees: ["imhotep"], labels: [], blockers: [], dependants: 0 },
    // These two are for Groundcrew's own rules only.
    ...{ agent: "Imhotep", agents: ["Imhotep"], blockedByDependency: true },
  },
  project: {
    id: "d8d562c1-052e-4994-bbe2-1e0d1be72c34",
    identifier: "ONB",
    name: "Onboarding",
    url: "http://plane.test",
  },
  at: "2026-11-21T04:33:10.709232Z",
};

interface Answer {
  status: number;
  headers?: Record<string, string>;
}

/** A receiver that gives these answers, then 204, and the queue that forwards to it. */
async function createForwarding(answers: Answer[] = [], more: Omit<ForwardSettings, "url">[] = []) {
  const time = { now: START };
  const store = createMemoryStore({ clock: () => time.now });
  const received: { headers: Record<string, string>; text: string }[] = [];
  const app = new Hono().all("*", async (c) => {
    received.push({ headers: c.req.header(), text: await c.req.text() });
    const { status, headers = {} } = answers.shift() ?? { status: 204 };
    return new Response(null, { status, headers });
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/hook`;
  const forward: ForwardSettings[] = [
    { secret: SECRET, events: ["issue.completed" as const, "issue.updated" as const] },
    ...more,
  ].map((entry) => ({
    ...entry,
    url,
  }));
  const log = createLog({ level: "debug", clock: () => time.now, write: () => {} });
  const deps = { settings: { forward }, store, log, clock: () => time.now, fetch } as unknown as Deps;
  return {
    ...{ time, store, received, url },
    async enqueue(event: AnyEvent = { kind: "completed" }) {
      for (const { rule, ...action } of createForwardRules(forward).decide(event, facts, "c-1")) {
        const body = JSON.parse(JSON.stringify(action.body));
        await store.commit({ jobs: [{ id: `item:1:0:${event.kind}:${rule}`, ...action, body }] });
      }
    },
    async workNextJob() {
      const [job] = await store.take("forward", 60_000, 1);
      if (!job) return undefined;
      const result = await forwardHandler.handle(deps, job);
      await store.acknowledge(job, result);
      return result;
    },
  };
}

test("NOTIF-03: forwarding sends an event that the receiver verifies with the Standard Webhooks library, without internal facts", async () => {
  const { enqueue, workNextJob, received, time } = await createForwarding();
  await enqueue();
  expect(await workNextJob()).toEqual({ done: true });
  const [request] = received;
  vi.setSystemTime(time.now);
  onTestFinished(() => void vi.useRealTimers());
  const payload = new Webhook(SECRET).verify(request?.text ?? "", request?.headers ?? {});
  expect(payload).toMatchObject({
    type: "issue.completed",
    timestamp: facts.at,
    data: {
      change: { kind: "completed" },
      item: { key: "ONB-2", title: facts.item?.title, agent: "Imhotep" },
      project: { identifier: "ONB" },
    },
  });
  expect(request?.text).not.toMatch(/"agents"|blockedByDependency/);
});

test("NOTIF-03: forwarding tries again after 5 s and 5 min with the same webhook-id, while the task's next event waits", async () => {
  const { enqueue, workNextJob, received, time } = await createForwarding([{ status: 500 }, { status: 503 }]);
  await enqueue();
  await enqueue({ kind: "cancelled" });
  for (const delay of [5_000, 300_000]) {
    expect(await workNextJob()).toEqual({ retryAt: time.now + delay, failed: true });
    expect(await workNextJob()).toBeUndefined();
    time.now += delay;
  }
  expect(await workNextJob()).toEqual({ done: true });
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(await workNextJob()).toEqual({ done: true });
  expect(await workNextJob()).toBeUndefined();
});

test.each<[string, Answer, unknown]>([
  ["waits as long as the receiver's Retry-After says", { status: 429, headers: { "retry-after": "120" } }, 120_000],
  ["does not follow a redirect", { status: 302, headers: { location: "http://127.0.0.1:1/" } }, 5_000],
  ["stops at once when the receiver answers 410 Gone", { status: 410 }, { dead: "answered 410" }],
])("NOTIF-03: forwarding %s", async (_, answer, expected) => {
  const { enqueue, workNextJob, received } = await createForwarding([answer]);
  await enqueue();
  const retry = { retryAt: START + Number(expected), failed: true };
  expect(await workNextJob()).toEqual(typeof expected === "number" ? retry : expected);
  expect(received).toHaveLength(1);
});

test("NOTIF-03: forwarding sends only the events that an entry lists, each with its entry's secret when a URL is there twice", async () => {
  const other = `whsec_${btoa("another secret of thirty-two byt")}`;
  const { enqueue, workNextJob, received, time } = await createForwarding(
    [],
    [{ secret: other, events: ["cycle.started"] }],
  );
  for (const event of [{ kind: "project_created" }, { kind: "completed" }, { kind: "cycle_started" }] as const)
    await enqueue(event);
  for (const result of [{ done: true }, { done: true }, undefined]) expect(await workNextJob()).toEqual(result);
  const signatures = received.map(({ headers, text }, i) =>
    new Webhook(i === 0 ? SECRET : other).sign(headers["webhook-id"] ?? "", new Date(time.now), text),
  );
  expect(received.map(({ headers }) => headers["webhook-signature"])).toEqual(signatures);
});

test("NOTIF-03: forwarding has a name for every event that other systems expect, and the settings file accepts each kind", () => {
  const names = {
    created: "issue.created",
    assigned: "issue.assigned",
    completed: "issue.completed",
    comment_added: "issue.activity.created",
    comment_edited: "issue.activity.created",
    cycle_started: "cycle.started",
    cycle_completed: "cycle.completed",
  };
  const unnamed = [...WORK_EVENT_KINDS, ...PLAN_EVENT_KINDS, "project_created", "project_deleted", "project_completed"];
  for (const kind of EVENT_KINDS) {
    const name = unnamed.includes(kind) ? null : (Reflect.get(names, kind) ?? "issue.updated");
    expect(toCommonName(kind), kind).toBe(name);
    const entry = { url: "https://n8n.example.com/webhook", secret: SECRET, events: [kind] };
    const { forward } = settingsFileSchema.parse({ forward: [entry] });
    expect(createForwardRules(forward).canMatch?.(kind, { project: "ONB", priority: "none" })).toBe(true);
  }
});
