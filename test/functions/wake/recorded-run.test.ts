import { expect, onTestFinished, test } from "vitest";
import { startScriptedServer } from "../../support/scripted-server.ts";
import { createWakeSetup } from "./wake-setup.ts";

const SESSION = "openclaw-session-0b0e6a0e-9a52-4c39-9d8e-3f3c5a1f7c11";

async function createWokenSetup(...options: Parameters<typeof createWakeSetup>) {
  const setup = await createWakeSetup(...options);
  const { app, gateway, call, advanceSeconds } = setup;
  const item = app.addTask("Write it down", "Imhotep");
  await app.deliverWebhooks();
  await advanceSeconds(10);
  return {
    ...setup,
    item,
    getRun: () => `openclaw-run-${gateway.runs.at(-1)?.runId}`,
    readSession: async () => {
      const { agent } = (await call("Imhotep", "get_task_details", { task: "ONB-1" })) as {
        agent: { session?: string };
      };
      return agent.session;
    },
    readCards: () =>
      app.plane
        .comments(item)
        .flatMap(({ external_id, comment_html }) => (external_id?.startsWith("card:") ? [comment_html] : [])),
  };
}

test.each(["2026.9.6", "2026.2.26"] as const)(
  "OPENCLAW-13: the run that a wake started with OpenClaw %s is on the agent card and in the task's details",
  async (version) => {
    const { call, advanceSeconds, getRun, readSession, readCards } = await createWokenSetup(version);
    expect(await readSession()).toBe(getRun());
    await call("Imhotep", "claim_task", { task: "ONB-1" });
    await advanceSeconds(40);
    expect(readCards()).toEqual([expect.stringContaining(`<strong>Session:</strong> ${getRun()}</li>`)]);
  },
);

test("the session that an agent reports replaces the run of its wake, also after a later wake", async () => {
  const { app, item, gateway, call, advanceSeconds, readSession, readCards } = await createWokenSetup();
  await call("Imhotep", "claim_task", { task: "ONB-1" });
  await call("Imhotep", "report", { task: "ONB-1", session: SESSION });
  app.plane.addComment(item, "<p>Mind the gap</p>", { by: app.human });
  await app.deliverWebhooks();
  await advanceSeconds(60);
  expect(gateway.runs).toHaveLength(2);
  expect(await readSession()).toBe(SESSION);
  expect(readCards()).toEqual([expect.stringContaining(`<strong>Session:</strong> ${SESSION}</li>`)]);
});

test("a wake's run is on the agent card with its next edit, without a request to Plane of its own", async () => {
  const { app, gateway, call, advanceSeconds } = await createWakeSetup();
  await call("Concierge", "create_task", { project: "ONB", title: "Write it down", assignee: "Imhotep" });
  await advanceSeconds(200);
  const readCard = () => app.plane.items(app.onb).flatMap((item) => app.plane.comments(item))[0]?.comment_html;
  const getRun = () => `openclaw-run-${gateway.runs.at(-1)?.runId}`;
  const [first, card] = [getRun(), readCard()];
  const requests = await app.recordRequests(() => advanceSeconds(300));
  expect(gateway.runs).toHaveLength(2);
  expect(requests.filter((request) => request.includes("comments"))).toEqual([]);
  expect(readCard()).toBe(card);
  await call("Imhotep", "claim_task", { task: "ONB-1" });
  await advanceSeconds(60);
  expect(readCard()).toContain(`<strong>Session:</strong> ${getRun()}</li>`);
  expect(readCard()).not.toContain(first);
});

test("the run of an agent that lost the task to another one is not shown as that one's", async () => {
  const { app, item, call } = await createWokenSetup();
  app.plane.editItem(item, { assignees: [app.getUser("Thot")] }, { by: app.human });
  await app.deliverWebhooks();
  await call("Thot", "claim_task", { task: "ONB-1" });
  const details = await call("Concierge", "get_task_details", { task: "ONB-1" });
  expect(details).toMatchObject({ agent: { name: "Thot" } });
  expect(details).not.toHaveProperty("agent.session");
});

test.each([
  ["no JSON", "Accepted"],
  ["no run", '{"ok":true}'],
  ["a run with markup", '{"ok":true,"runId":"<b>1</b>"}'],
  ["a very long text", `{"ok":true,"runId":"1","more":"${"x".repeat(100_000)}"}`],
])("a wake that the gateway answers with %s is delivered, and no run is recorded", async (_, body) => {
  const server = await startScriptedServer({ status: 200, body });
  onTestFinished(() => server.close());
  const agents = { Imhotep: { wake: { kind: "openclaw", url: server.url } } };
  const { readSession } = await createWokenSetup("2026.9.6", agents);
  expect(server.requests).toHaveLength(1);
  expect(await readSession()).toBeUndefined();
});
