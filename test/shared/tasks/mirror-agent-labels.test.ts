import { expect, test } from "vitest";
import { createWorkRules } from "../../../functions/work.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

const RULES = {
  ruleSets: ({ agents }: { agents: Parameters<typeof createWorkRules>[0] }) => [createWorkRules(agents)],
};

async function createMirrorApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({ parts: RULES, ...options });
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

test.each(["1.3.1", "1.2.2"] as const)(
  "OPENCLAW-10 when assignees and labels agent:<name> are synchronized: an assigned agent gets its label (Plane %s)",
  async (version) => {
    const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp({ version });
    const mine = app.plane.addLabel(app.onb, "mine");
    const item = app.addTask("Write it down", "Thot", { labels: [mine], assignees: [app.human] });
    await runUntilMirrored();
    expect(readLabelsAndAssignees(item)).toEqual({ labels: ["agent:Thot", "mine"], assignees: ["Ada", "Thot"] });
  },
);

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

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: a label that people deleted since it was listed is created again", async () => {
  const { app, runUntilMirrored, readLabelsAndAssignees } = await createMirrorApp();
  const staleLabels = { "agent:thot": "11111111-2222-4333-8444-555555555555" };
  await app.deps.cache.setItem(`labels-of:${app.onb.id}`, staleLabels);
  const item = app.addTask("Write it down", "Thot");
  await runUntilMirrored();
  expect(readLabelsAndAssignees(item)).toEqual({ labels: ["agent:Thot"], assignees: ["Thot"] });
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

test("OPENCLAW-10 when assignees and labels agent:<name> are synchronized: many items at once are synchronized in batches of 20", async () => {
  const { app, readLabelsAndAssignees } = await createMirrorApp();
  const items = Array.from({ length: 30 }, (_, i) => app.addTask(`Task ${i}`, "Thot"));
  app.dropWebhooks();
  const labelled = () => items.filter((item) => readLabelsAndAssignees(item).labels.length > 0).length;
  expect(labelled()).toBe(0);
  // Groundcrew's jobs for the new tasks are lost, so that the poll has to find what is missing.
  const { commit } = app.store;
  app.store.commit = async (change) =>
    commit({ ...change, jobs: (change.jobs ?? []).filter(({ queue }) => queue !== "work") });
  await app.poll();
  app.store.commit = commit;
  await app.runUntilIdle();
  expect(labelled()).toBe(0);
  await app.poll();
  await app.runUntilIdle();
  expect(labelled()).toBe(20);
  await app.poll();
  await app.runUntilIdle();
  expect(labelled()).toBe(30);
});
