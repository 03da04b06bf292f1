import { expect, test } from "vitest";
import { createAppWithSession, createSession, createTicketsApp } from "./tickets-app.ts";

const FOLDER = "11111111-2222-4333-8444-0000000000f1";
/** A runner on another host that has the same name, for example because its machine was copied. */
const NAMESAKE = { folder: FOLDER.replace("f1", "f2"), instance: "11111111-2222-4333-8444-000000000009" };

test("A ticket goes to a runner that has its repository, and waits while there is none", async () => {
  const app = await createTicketsApp({ repositories: { ONB: "/srv/onb", OPS: "/srv/ops" } });
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  expect((await app.exchange([], { runner: "one", repositories: ["OPS"] })).sessions).toEqual([]);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ state: "approved", position: 1 }]);
  const { sessions } = await app.exchange([], { runner: "two", repositories: ["OPS", "ONB"] });
  expect(sessions).toMatchObject([{ ticket: "ONB-1" }]);
  expect((await app.exchange([], { runner: "one", repositories: ["OPS", "ONB"] })).sessions).toEqual([]);
  const both = ["one", "two"].map((name) => ({ name, repositories: ["OPS", "ONB"] }));
  expect((await app.read("/api/sessions")).runners).toMatchObject(both);
});

test("The session of a runner that is away is started by no other, and goes on when its runner is back", async () => {
  const { app, readSession } = await createAppWithSession({ minutes: 120 });
  app.advance(3_600_000);
  await app.tick();
  const stolen = createSession({ state: "ended", exit: { reason: "killed" } });
  for (const sessions of [[], [stolen]])
    expect((await app.exchange(sessions, { runner: "other" })).sessions).toEqual([]);
  expect(await readSession()).toMatchObject({ state: "running", runner: "vps" });
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
  expect(await readSession()).toMatchObject({ state: "running" });
});

test("A second runner of the same name is refused and changes nothing, and a restarted one is not", async () => {
  const { app, readSession } = await createAppWithSession({ minutes: 120 });
  await app.exchange([createSession()], { folder: FOLDER });
  await expect(app.exchange([], NAMESAKE)).rejects.toThrow(/RUNNER_NAME/);
  expect(await readSession()).toMatchObject({ state: "running", runner: "vps" });
  const restarted = { folder: FOLDER, instance: "11111111-2222-4333-8444-000000000003" };
  expect((await app.exchange([createSession()], restarted)).sessions).toHaveLength(1);
  // It would start the session a second time while the first one may still run.
  app.advance(3_600_000);
  await expect(app.exchange([], NAMESAKE)).rejects.toThrow(/ONB-1/);
  expect(await readSession()).toMatchObject({ state: "running", runner: "vps" });
});

test("A ticket starts beside an ended session of its key that Groundcrew does not know, and says what was kept of it", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  const unknown = createSession({
    ...{ session_id: "99999999-2222-4333-8444-000000000009", state: "ended", exit: { reason: "exited" } },
    started_at: "2030-01-01T00:00:00.000Z",
  });
  const answer = await app.exchange([unknown]);
  expect(answer).toMatchObject({ sessions: [], stop: [{ ticket: "ONB-1", run: 1, how: "now" }] });
  const [desired] = (await app.exchange([])).sessions;
  expect(desired).toMatchObject({ ticket: "ONB-1", run: 1 });
  const kept_apart = "Another session of ONB-1 has left the branch groundcrew/onb-1.99999999. It is kept apart.";
  await app.exchange([createSession({ session_id: desired?.session_id ?? "", kept_apart })]);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ state: "running", attention: kept_apart }]);
});

test("A runner that stops gets no ticket any more, and one that it has not begun goes to another at once", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  await app.requestTicket("Write more");
  await app.call("/api/approve/ONB-1");
  expect((await app.exchange([], { runner: "one" })).sessions).toMatchObject([{ ticket: "ONB-1" }]);
  await app.call("/api/approve/ONB-2");
  expect((await app.exchange([], { runner: "one", stopping: true })).sessions).toEqual([]);
  expect((await app.read("/api/sessions")).runners).toEqual([]);
  const { sessions } = await app.exchange([], { runner: "two" });
  expect(sessions.map(({ ticket }) => ticket)).toEqual(["ONB-1", "ONB-2"]);
});
