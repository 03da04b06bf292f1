import { expect, test } from "vitest";
import { createTempFolder, runCli } from "../../runtime/cli/cli-process.ts";
import { callTool, toBridgeToken } from "../../support/http-test-app.ts";
import { createWakeSetup } from "./wake-setup.ts";

const HOUR = 3_600;

/** Finishes the only task of the project in Plane, for which the Concierge is woken to write a summary. */
async function createFinishedProject() {
  const setup = await createWakeSetup();
  const { app, advanceSeconds, takeRuns } = setup;
  const task = app.addTask("One", "Thot");
  await app.poll();
  const done = app.plane.states(app.onb).find(({ group }) => group === "completed");
  app.plane.editItem(task, { state: done?.id ?? "" }, { by: app.human });
  await app.poll();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["concierge: ONB"]);
  return setup;
}

type Setup = Awaited<ReturnType<typeof createFinishedProject>>;

const ENTRIES: [string, (setup: Setup) => Promise<unknown>][] = [
  ["HTTP", ({ call }) => call("Concierge", "list_agents")],
  ["HTTP that is refused", ({ app }) => app.callTool("Concierge", "claim_task", { task: "ONB-999" })],
  ["MCP", async ({ app }) => callTool(await app.connectMcpClient("Concierge"), "list_agents", {})],
  [
    "the command line",
    ({ app }) =>
      runCli(["list_agents"], {
        cwd: createTempFolder(),
        env: { GROUNDCREW_URL: app.url, GROUNDCREW_TOKEN: toBridgeToken("Concierge") },
      }),
  ],
  [
    "the upload route",
    ({ app }) =>
      app.request("/agent/upload_deliverable?task=ONB-1&name=a.md", toBridgeToken("Concierge"), {
        method: "PUT",
        headers: { "content-type": "text/markdown" },
        body: "# A",
      }),
  ],
];

test.each(ENTRIES)("reliability 30: a call by %s acknowledges a wake, which is not repeated", async (_, act) => {
  const setup = await createFinishedProject();
  await act(setup);
  await setup.advanceSeconds(2 * HOUR);
  expect(setup.takeRuns()).toEqual([]);
  expect(setup.notices).toEqual([]);
});

test("reliability 30: a wake that no call acknowledges is repeated twice with back-off, and then a person is notified once", async () => {
  const { advanceSeconds, takeRuns, notices } = await createFinishedProject();
  await advanceSeconds(4 * 60);
  expect(takeRuns()).toEqual([]);
  await advanceSeconds(2 * 60);
  expect(takeRuns()).toEqual(["concierge: ONB"]);
  await advanceSeconds(8 * 60);
  expect(takeRuns()).toEqual([]);
  await advanceSeconds(2 * 60);
  expect(takeRuns()).toEqual(["concierge: ONB"]);
  await advanceSeconds(24 * 60);
  expect(takeRuns()).toEqual([]);
  expect(notices).toEqual([expect.stringMatching(/^⚠️ Concierge has not reacted to three wakes\. Waiting: ONB\./)]);
  await advanceSeconds(4 * HOUR);
  expect(takeRuns()).toEqual([]);
  expect(notices).toHaveLength(1);
});

test("a call of another agent, and one without a valid token, acknowledge no wake", async () => {
  const { app, call, advanceSeconds, takeRuns } = await createFinishedProject();
  await call("Imhotep", "list_my_tasks");
  expect((await app.request("/agent/list_agents", "not-a-token", { method: "POST" })).status).toBe(401);
  await advanceSeconds(6 * 60);
  expect(takeRuns()).toEqual(["concierge: ONB"]);
});

test("a wish that the Concierge has planned never wakes it again", async () => {
  const { call, sendTelegramMessage, advanceSeconds, takeRuns } = await createWakeSetup();
  await sendTelegramMessage("/plane new Make a landing page");
  await advanceSeconds(5);
  expect(takeRuns()).toEqual(["concierge: new"]);
  await call("Concierge", "list_agents");
  await call("Concierge", "create_task", { project: "ONB", title: "Landing page", assignee: "Thot" });
  await advanceSeconds(3 * HOUR);
  expect(takeRuns()).toEqual([]);
});

test("a wish that the Concierge has read but neither planned nor answered wakes it again after 15 minutes", async () => {
  const { call, sendTelegramMessage, advanceSeconds, takeRuns } = await createWakeSetup();
  await sendTelegramMessage("/plane new Make a landing page");
  await advanceSeconds(5);
  await call("Concierge", "list_agents");
  takeRuns();
  await advanceSeconds(14 * 60);
  expect(takeRuns()).toEqual([]);
  await advanceSeconds(2 * 60);
  expect(takeRuns()).toEqual(["concierge: new"]);
});

test("a task that was deleted, finished or reassigned is not repeated", async () => {
  const { app, advanceSeconds, takeRuns } = await createWakeSetup();
  const [one, two, three] = ["One", "Two", "Three"].map((name) => app.addTask(name, "Imhotep"));
  await app.poll();
  await advanceSeconds(10);
  expect(takeRuns()).toEqual(["imhotep: ONB-1 ONB-2 ONB-3"]);
  const done = app.plane.states(app.onb).find(({ group }) => group === "completed");
  if (!one || !two || !three) throw new Error("no task");
  app.plane.deleteItem(one);
  app.plane.editItem(two, { state: done?.id ?? "" }, { by: app.human });
  app.plane.editItem(three, { assignees: [] }, { by: app.human });
  await app.poll();
  await advanceSeconds(HOUR);
  expect(takeRuns()).toEqual([]);
});

test("a project that has open tasks again is not summed up", async () => {
  const { app, advanceSeconds, takeRuns } = await createFinishedProject();
  app.addTask("More", "Thot");
  await app.poll();
  await advanceSeconds(HOUR);
  expect(takeRuns()).toEqual([]);
});
