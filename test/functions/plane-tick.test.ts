import { expect, test } from "vitest";
import { PlaneUnavailableError } from "../../shared/plane/errors.ts";
import type { PlaneFault } from "../../simulators/plane/test-controls.ts";
import { createOutageApp, INTERVAL_MS, type OutageApp } from "./outage-app.ts";
import { GROUP_CHAT } from "./telegram/commands/commands-app.ts";

const MINUTE_MS = 60_000;

/** Lets Plane fail; returns what ends the failure. */
type Failure = (app: OutageApp) => Promise<() => unknown>;

const failWith =
  (fault: PlaneFault, path = "/"): Failure =>
  async (app) =>
    app.plane.faults.add({ path }, fault);

const AWAY = /^⚠️ Plane has not answered since 08:0\d: [^\n]+\. Groundcrew keeps trying[^\n]+\n👉 Start Plane/;
const BACK = /^✅ Plane is back\. It lasted \d+ min, from 08:0\d to 08:\d\d\.$/;

test.each<[string, Failure]>([
  [
    "refuses connections",
    async (app) => {
      await app.plane.takeDown();
      return () => app.plane.bringUp();
    },
  ],
  ["answers 503 only", failWith({ kind: "status", status: 503 })],
  ["answers 502 with a page only", failWith({ kind: "status", status: 502, body: "<html>Bad Gateway</html>" })],
  ["answers pages only", failWith({ kind: "html" })],
  ["redirects to a page about maintenance", failWith({ kind: "status", status: 302, headers: { location: "/sorry" } })],
  ["breaks connections", failWith({ kind: "drop" })],
  ["answers its public information only, from a cache", failWith({ kind: "status", status: 500 }, "/api/v1/")],
  [
    "lets requests time out",
    async (app) => {
      app.setImpatient(true);
      app.plane.faults.add({}, { kind: "half-open" });
      return () => {
        app.setImpatient(false);
        app.plane.faults.clear();
      };
    },
  ],
])(
  "MONITOR-04 a Plane that %s is announced after 2 minutes by one message, which its return edits at once",
  async (_, fail) => {
    const app = await createOutageApp();
    app.advance(3 * MINUTE_MS);
    const recover = await fail(app);
    await app.watch(2 * MINUTE_MS);
    expect(app.readMessages()).toEqual([]);
    await app.watch(10 * MINUTE_MS);
    expect(app.readMessages()).toEqual([expect.stringMatching(AWAY)]);
    await recover();
    await app.watch(INTERVAL_MS);
    expect(app.readMessages()).toEqual([expect.stringMatching(BACK)]);
    await app.watch(10 * MINUTE_MS);
    expect(app.readMessages()).toHaveLength(1);
    expect(app.telegram.chat(GROUP_CHAT).messages.map(({ silent }) => silent ?? false)).toEqual([false]);
  },
);

test("a Plane that is away for less than 2 minutes is not announced", async () => {
  const app = await createOutageApp();
  app.advance(MINUTE_MS);
  for (let n = 0; n < 5; n += 1) {
    await app.plane.takeDown();
    await app.watch(1.75 * MINUTE_MS);
    await app.plane.bringUp();
    await app.watch(MINUTE_MS);
  }
  expect(app.readMessages()).toEqual([]);
});

test("a Plane that asks to wait for 15 minutes is not announced as away", async () => {
  const app = await createOutageApp();
  app.plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter: 900 });
  await app.poll().catch(() => undefined);
  await app.watch(20 * MINUTE_MS);
  expect(app.readMessages()).toEqual([]);
});

test("a Plane behind a proxy that passes only its API is not announced as away", async () => {
  const app = await createOutageApp();
  app.plane.faults.add({ path: "/api/instances/" }, { kind: "status", status: 404, body: "<html>Not found</html>" });
  await app.watch(10 * MINUTE_MS);
  expect(app.readMessages()).toEqual([]);
});

test.each([
  ["a key that is not valid", 403, { detail: "Given API token is not valid" }],
  ["a key that is missing", 401, { detail: "Authentication credentials were not provided." }],
  ["an account that is not in the workspace", 403, { detail: "You do not have permission to perform this action." }],
])(
  "Plane refuses %s: noticed within 45 s of a call by one notice, which ends with the first answer",
  async (_, status, body) => {
    const app = await createOutageApp();
    app.advance(3 * MINUTE_MS);
    app.plane.faults.add({ path: "/api/v1/" }, { kind: "status", status, body: JSON.stringify(body) });
    await app.poll().catch(() => undefined);
    await app.watch(3 * INTERVAL_MS);
    const isSaid = expect.stringMatching(
      /^⚠️ Plane has refused Groundcrew's API key since 08:03: .+\n👉 Create a key in Plane/,
    );
    expect(app.readMessages()).toEqual([isSaid]);
    expect(await app.deps.notices.readCurrent()).toEqual([
      {
        kind: "plane_refused",
        since: "2026-11-21T08:03:02.000Z",
        text: expect.any(String),
        remedy: expect.any(String),
      },
    ]);
    await app.watch(10 * MINUTE_MS);
    expect(app.readMessages()).toEqual([isSaid]);
    app.plane.faults.clear();
    await app.watch(INTERVAL_MS);
    expect(app.readMessages()).toEqual([
      expect.stringMatching(/^✅ Plane accepts Groundcrew's API key again\. It lasted/),
    ]);
    expect(await app.deps.notices.readCurrent()).toEqual([]);
  },
);

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

test("Plane answers one of two processes: nothing is announced", async () => {
  const app = await createOutageApp();
  const cutOff = { ...app.deps, plane: { ...app.deps.plane, call: app.deps.plane.call } };
  await app.restart();
  cutOff.plane.call = () => Promise.reject(new PlaneUnavailableError({ operation: "test" }, "no route to Plane"));
  app.advance(MINUTE_MS);
  for (let n = 0; n < 40; n += 1) await app.watch(INTERVAL_MS, [n % 2 === 0 ? cutOff : app.deps]);
  expect(app.readMessages()).toEqual([]);
});

test("a Plane that fails again and again causes one message, which is edited", async () => {
  const app = await createOutageApp();
  app.advance(MINUTE_MS);
  for (let n = 0; n < 20; n += 1) {
    await app.plane.takeDown();
    await app.watch(4 * MINUTE_MS);
    await app.plane.bringUp();
    await app.watch(2 * MINUTE_MS);
  }
  expect(app.readMessages()).toEqual([expect.stringMatching(/^✅ Plane is back\. .+\nTime 20 since 08:01\.$/)]);
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
