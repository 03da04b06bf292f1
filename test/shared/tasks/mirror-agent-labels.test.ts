import { expect, test } from "vitest";
import { createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";

async function createMirrorApp() {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  await app.runFirstPoll();
  /** Runs until all labels and assignees agree. */
  async function mirror() {
    for (let i = 0; i < 3; i++) {
      await app.pollUntilIdle();
      app.dropWebhooks();
      app.advance(5_000);
    }
  }
  const read = (item: { id: string }) => {
    const { labels, assignees } = app.readPlaneItem(item);
    return [...labels.sort(), "|", ...assignees.sort()].join(" ");
  };
  return { app, mirror, read };
}

test("OPENCLAW-10 a label agent:<name> alone assigns its agent, ignoring case, and people's assignees stay; unassigning an agent removes its label and no other", async () => {
  const { app, mirror, read } = await createMirrorApp();
  const [label, mine] = ["Agent:thot", "mine"].map((name) => app.plane.addLabel(app.onb, name));
  const assigned = app.addTask("Write it down", [], { labels: [label?.id ?? ""], assignees: [app.human] });
  const item = app.addTask("Print it", ["Thot", "Imhotep"], { labels: [mine?.id ?? ""] });
  await mirror();
  expect(read(assigned)).toBe("Agent:thot | Ada Thot");
  expect(read(item)).toBe("Agent:thot agent:Imhotep mine | Imhotep Thot");
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep")] });
  await mirror();
  expect(read(item)).toBe("agent:Imhotep mine | Imhotep");
  app.plane.editItem(item, { assignees: [] });
  await mirror();
  expect(read(item)).toBe("mine |");
});

test("OPENCLAW-10 the label of an assigned agent is restored when people remove it, and assigns again when it is added later", async () => {
  const { app, mirror, read } = await createMirrorApp();
  const item = app.addTask("Write it down", "Thot");
  await mirror();
  for (const [change, expected] of [
    [{ labels: [] }, "agent:Thot | Thot"],
    [{ assignees: [] }, " | "],
    [{ labels: ["agent:Thot"] }, "agent:Thot | Thot"],
  ] as const) {
    app.plane.editItem(item, { ...change });
    await mirror();
    expect(read(item).trim()).toBe(expected.trim());
  }
});

test("OPENCLAW-10 an agent that is not a member of the project is tried once and logged, items that agree cost no request, and closed tasks stay unchanged", async () => {
  const { app, mirror, read } = await createMirrorApp();
  const other = app.plane.addProject({ name: "Second", identifier: "SEC", members: [app.human] });
  const labels = [app.plane.addLabel(other, "agent:Thot")];
  const item = app.plane.addItem(other, { name: "For an outsider", labels });
  const done = app.addTask("Long done", "Thot", { state: "Done" });
  app.addTask("Write it down", "Thot");
  await mirror();
  const asked = await app.recordRequests(mirror);
  expect(asked.filter((request) => !request.startsWith("GET projects") && request !== "GET work-items")).toEqual([]);
  expect([item, done].map(read)).toEqual(["agent:Thot |", "| Thot"]);
  expect(app.logged.filter(({ message }) => String(message).startsWith("agent not assigned"))).toHaveLength(1);
});
