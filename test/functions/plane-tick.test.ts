import { expect, test } from "vitest";
import { planeTick } from "../../functions/plane-tick.ts";
import type { Deps } from "../../shared/app/deps.ts";
import { createCommandsApp, GROUP_CHAT, toPlainText } from "./telegram/commands/commands-app.ts";

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
])(
  "MONITOR-04 a Plane that %s is announced after 2 minutes by one message, which its return edits at once",
  async (_, fail, recover) => {
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
  },
);

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
