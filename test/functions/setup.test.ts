import { expect, test } from "vitest";
import { z } from "zod";
import { HTTP_ADMIN_TOKEN } from "../support/http-test-app.ts";
import { createWakeSetup } from "./wake/wake-setup.ts";

const setupSchema = z.object({
  ok: z.boolean(),
  steps: z.array(
    z.object({
      name: z.string(),
      state: z.string(),
      text: z.string(),
      fix: z
        .object({ command: z.string(), file: z.string(), lines: z.array(z.string()) })
        .partial()
        .optional(),
    }),
  ),
});

async function createSetup(options: Parameters<typeof createWakeSetup>[3] = {}) {
  const setup = await createWakeSetup("2026.9.6", {}, undefined, options);
  const { app } = setup;
  const read = async (query = "", method = "GET") =>
    setupSchema.parse(await (await app.request(`/api/setup${query}`, HTTP_ADMIN_TOKEN, { method })).json());
  const readStates = async () =>
    Object.fromEntries((await read()).steps.map(({ name, state, text }) => [name, `${state}: ${text}`]));
  return { ...setup, read, readStates };
}

test("the set-up list follows an installation from the first call to the first finished task", async () => {
  const { app, read, readStates, call, finishTask } = await createSetup({
    env: { PLANE_WEBHOOK_SECRET: "secret-of-the-webhook" },
  });
  expect(await readStates()).toEqual({
    plane: "ok: Plane answers.",
    key: "ok: Plane accepts Groundcrew's API key.",
    webhook: expect.stringMatching(/^open: No test edit was made in Plane/),
    telegram: "open: Telegram has not been used yet.",
    agent: "open: No agent has called yet.",
    task: "open: No task is done yet.",
  });
  app.addTask("Draw it", "Imhotep");
  await app.poll();
  await call("Imhotep", "list_my_tasks");
  await finishTask("Imhotep", "ONB-1");
  expect(await readStates()).toMatchObject({
    agent: "ok: Agents are connected: Imhotep has called.",
    task: "ok: A first task is done.",
  });
  const { deps } = app;
  deps.health.recordSuccess("telegram");
  const address = [deps.settings.host, deps.settings.port, ""].join(" ");
  const edit = { nonce: "n", at: app.time.now, address };
  await deps.store.commit({
    put: [{ key: "canary", value: { project: "p", item: "i", comment: "c", lastArrival: { ...edit, durationMs: 9 } } }],
  });
  expect(await read("?language=fr")).toMatchObject({
    ok: true,
    steps: [{ text: "Plane répond." }, {}, {}, {}, {}, {}],
  });
});
