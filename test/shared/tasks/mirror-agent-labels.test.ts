import { expect, test } from "vitest";
import { createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";

async function createMirrorApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({ parts: WORK_RULES, ...options });
  await app.runFirstPoll();
  /** Runs until all labels and assignees agree. */
  async function runUntilMirrored() {
    for (let i = 0; i < 3; i++) {
      await app.poll();
      await app.runUntilIdle();
      app.dropWebhooks();
      app.advance(5_000);
    }
  }
  const readLabelsAndAssignees = (item: { id: string }) => {
    const { labels, assignees } = app.readPlaneItem(item);
    return { labels: labels.sort(), assignees: assignees.sort() };
  };
  return { app, runUntilMirrored, readLabelsAndAssignees };
}

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: a label alone assigns its agent, ignoring case, and people's assignees stay", async () => {
  const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp();
  const label = app.plane.addLabel(app.onb, "Agent:thot");
  const item = app.addTask("Write it down", [], { labels: [label], assignees: [app.human] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item)).toEqual({ labels: ["Agent:thot"], assignees: ["Ada", "Thot"] });
});

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: unassigning the agent removes its label and no other", async () => {
  const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp();
  const mine = app.plane.addLabel(app.onb, "mine");
  const item = app.addTask("Write it down", ["Thot", "Imhotep"], { labels: [mine] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item).labels).toEqual(["agent:Imhotep", "agent:Thot", "mine"]);
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep")] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item)).toEqual({ labels: ["agent:Imhotep", "mine"], assignees: ["Imhotep"] });
  app.plane.editItem(item, { assignees: [] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item)).toEqual({ labels: ["mine"], assignees: [] });
});

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: the label of an assigned agent is restored when people remove it, and assigns again when it is added later", async () => {
  const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp();
  const item = app.addTask("Write it down", "Thot");
  await runUntilMirrored();
  app.plane.editItem(item, { labels: [] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item).labels).toEqual(["agent:Thot"]);
  app.plane.editItem(item, { assignees: [] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item).labels).toEqual([]);
  app.plane.editItem(item, { labels: ["agent:Thot"] });
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item)).toEqual({ labels: ["agent:Thot"], assignees: ["Thot"] });
});

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: an agent that is not a member of the project is tried once and logged", async () => {
  const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp();
  const other = app.plane.addProject({ name: "Second", identifier: "SEC", members: [app.human] });
  const label = app.plane.addLabel(other, "agent:Thot");
  const item = app.plane.addItem(other, { name: "For an outsider", labels: [label] });
  await runUntilMirrored();
  const asked = await app.recordRequests(runUntilMirrored);
  expect(asked.filter((request) => request.startsWith("PATCH"))).toEqual([]);
  expect(readLabelsAndAssignees(item)).toEqual({ labels: ["agent:Thot"], assignees: [] });
  expect(app.logged.filter(({ message }) => String(message).startsWith("agent not assigned"))).toHaveLength(1);
});

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: items that agree cost no request, and closed tasks stay unchanged", async () => {
  const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp();
  const done = app.addTask("Long done", "Thot", { state: "Done" });
  app.addTask("Write it down", "Thot");
  await runUntilMirrored();
  expect(readLabelsAndAssignees(done).labels).toEqual([]);
  const asked = await app.recordRequests(runUntilMirrored);
  expect(asked.filter((request) => !request.startsWith("GET projects") && request !== "GET work-items")).toEqual([]);
});
