import { expect, test } from "vitest";
import { createWakeSetup } from "./wake/wake-setup.ts";

test("the set-up list follows an installation from the first call to the first finished task", async () => {
  const env = { PLANE_WEBHOOK_SECRET: "secret-of-the-webhook" };
  const { app, call, finishTask } = await createWakeSetup("2026.9.6", {}, undefined, { env });
  type Setup = { ok: boolean; steps: { name: string; state: string; text: string }[] };
  const read = async (query = ""): Promise<Setup> => app.read(`/api/setup${query}`);
  const readStates = async () =>
    Object.fromEntries((await read()).steps.map(({ name, state, text }) => [name, `${state}: ${text}`]));
  expect(await readStates()).toEqual({
    plane: "ok: Plane answers.",
    key: "ok: Plane accepts Groundcrew's API key.",
    webhook: expect.stringMatching(/^open: No test edit was made in Plane/),
    telegram: "open: Telegram has not been used yet.",
    agent: "open: No agent has called yet.",
    task: "open: No task is done yet.",
  });
  await app.deps.notices.report("plane_refused", { values: { reason: "Given API token is not valid" } });
  const refused = "failed: Plane refuses Groundcrew's API key: Given API token is not valid";
  expect(await readStates()).toMatchObject({ key: refused });
  await app.deps.notices.report("plane_refused", undefined);
  app.addTask("Draw it", "Imhotep");
  await app.poll();
  await call("Imhotep", "list_my_tasks");
  await finishTask("Imhotep", "ONB-1");
  const { deps } = app;
  deps.health.recordSuccess("telegram");
  const address = [deps.settings.host, deps.settings.port, ""].join(" ");
  const lastArrival = { nonce: "n", at: app.time.now, address, durationMs: 9 };
  const value = { project: "p", item: "i", comment: "c", lastArrival };
  await deps.store.commit({ put: [{ key: "canary", value }] });
  expect(await readStates()).toMatchObject({
    agent: "ok: Agents are connected: Imhotep has called.",
    task: "ok: A first task is done.",
  });
  expect(await read("?language=fr")).toMatchObject({
    ok: true,
    steps: [{ text: "Plane répond." }, {}, {}, {}, {}, {}],
  });
});
