import { expect, test } from "vitest";
import { createAppWithSession, createSession } from "./tickets-app.ts";

test("An exchange that is not valid is refused with the place of the mistake", async () => {
  const { app } = await createAppWithSession();
  await expect(app.exchange([createSession({ run: 0 })])).rejects.toThrow(/sessions\.0\.run/);
});

test("An answer is held until something changes", async () => {
  const { app } = await createAppWithSession();
  await app.exchange([createSession()]);
  const waits: number[] = [];
  app.deps.wait = async (ms) => {
    if (waits.push(ms) === 3) await app.call("/api/sessions/ONB-1/cancel");
  };
  const answer = await app.exchange([createSession()], { wait_ms: 20_000 });
  expect(answer.stop).toMatchObject([{ ticket: "ONB-1", reason: "cancelled" }]);
  expect(waits).toHaveLength(3);
});

test("An answer is held no longer than the runner asked for", async () => {
  const { app } = await createAppWithSession();
  const { revision } = await app.exchange([createSession()]);
  const before = app.time.now;
  expect((await app.exchange([createSession()], { wait_ms: 5_000 })).revision).toBe(revision);
  expect(app.time.now - before).toBe(5_000);
});
