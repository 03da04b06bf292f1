import { describe, expect, test } from "vitest";
import { workRules } from "../../../functions/work/rules.ts";
import { createWorkCrew } from "../../work-crew.ts";

const RULES = { consumers: ({ agents }: { agents: Parameters<typeof workRules>[0] }) => [workRules(agents)] };

async function crewed(options: Parameters<typeof createWorkCrew>[0] = {}) {
  const crew = await createWorkCrew({ parts: RULES, ...options });
  await crew.begin();
  /** Everything that is to be put right is put right. */
  async function even() {
    for (let i = 0; i < 3; i++) {
      await crew.poll();
      await crew.settle();
      crew.lose();
      crew.pass(5_000);
    }
  }
  const shown = (item: { id: string }) => {
    const { labels, assignees } = crew.inPlane(item);
    return { labels: labels.sort(), assignees: assignees.sort() };
  };
  return { crew, even, shown };
}

describe("OPENCLAW-10 assignees and labels agent:<name> are kept in step", () => {
  test.each(["1.3.1", "1.2.2"] as const)("an assigned agent gets its label (Plane %s)", async (version) => {
    const { crew, even, shown } = await crewed({ version });
    const mine = crew.plane.addLabel(crew.onb, "mine");
    const item = crew.task("Write it down", "Thot", { labels: [mine], assignees: [crew.human] });
    await even();
    expect(shown(item)).toEqual({ labels: ["agent:Thot", "mine"], assignees: ["Ada", "Thot"] });
  });

  test("a label alone assigns its agent, whatever its case; people's assignees stay", async () => {
    const { crew, even, shown } = await crewed();
    const label = crew.plane.addLabel(crew.onb, "Agent:thot");
    const item = crew.task("Write it down", [], { labels: [label], assignees: [crew.human] });
    await even();
    expect(shown(item)).toEqual({ labels: ["Agent:thot"], assignees: ["Ada", "Thot"] });
  });

  test("who takes the agent off takes its label off, and no other", async () => {
    const { crew, even, shown } = await crewed();
    const mine = crew.plane.addLabel(crew.onb, "mine");
    const item = crew.task("Write it down", ["Thot", "Imhotep"], { labels: [mine] });
    await even();
    expect(shown(item).labels).toEqual(["agent:Imhotep", "agent:Thot", "mine"]);
    crew.plane.editItem(item, { assignees: [crew.user("Imhotep")] });
    await even();
    expect(shown(item)).toEqual({ labels: ["agent:Imhotep", "mine"], assignees: ["Imhotep"] });
    crew.plane.editItem(item, { assignees: [] });
    await even();
    expect(shown(item)).toEqual({ labels: ["mine"], assignees: [] });
  });

  test("a label that people take off an assigned agent comes back; put on again after all, it assigns again", async () => {
    const { crew, even, shown } = await crewed();
    const item = crew.task("Write it down", "Thot");
    await even();
    crew.plane.editItem(item, { labels: [] });
    await even();
    expect(shown(item).labels).toEqual(["agent:Thot"]);
    crew.plane.editItem(item, { assignees: [] });
    await even();
    expect(shown(item).labels).toEqual([]);
    crew.plane.editItem(item, { labels: ["agent:Thot"] });
    await even();
    expect(shown(item)).toEqual({ labels: ["agent:Thot"], assignees: ["Thot"] });
  });

  test("an agent that is no member of the project is tried once, and told to the log", async () => {
    const { crew, even, shown } = await crewed();
    const other = crew.plane.addProject({ name: "Second", identifier: "SEC", members: [crew.human] });
    const label = crew.plane.addLabel(other, "agent:Thot");
    const item = crew.plane.addItem(other, { name: "For an outsider", labels: [label] });
    await even();
    const asked = await crew.requests(even);
    expect(asked.filter((request) => request.startsWith("PATCH"))).toEqual([]);
    expect(shown(item)).toEqual({ labels: ["agent:Thot"], assignees: [] });
    expect(crew.logged.filter(({ message }) => String(message).startsWith("agent cannot be assigned"))).toHaveLength(1);
  });

  test("a label that people deleted since it was listed is made anew", async () => {
    const { crew, even, shown } = await crewed();
    const gone = { "agent:thot": "11111111-2222-4333-8444-555555555555" };
    await crew.deps.cache.setItem(`labels-of:${crew.onb.id}`, gone);
    const item = crew.task("Write it down", "Thot");
    await even();
    expect(shown(item)).toEqual({ labels: ["agent:Thot"], assignees: ["Thot"] });
  });

  test("in step, it costs no request; closed tasks are left alone", async () => {
    const { crew, even, shown } = await crewed();
    const done = crew.task("Long done", "Thot", { state: "Done" });
    crew.task("Write it down", "Thot");
    await even();
    expect(shown(done).labels).toEqual([]);
    const asked = await crew.requests(even);
    expect(asked.filter((request) => !request.startsWith("GET projects") && request !== "GET work-items")).toEqual([]);
  });

  test("a great many at once are put in step 20 at a time", async () => {
    const { crew, shown } = await crewed();
    const items = Array.from({ length: 30 }, (_, i) => crew.task(`Task ${i}`, "Thot"));
    crew.lose();
    const labelled = () => items.filter((item) => shown(item).labels.length > 0).length;
    expect(labelled()).toBe(0);
    await crew.restart({ store: "lost" });
    await crew.poll();
    await crew.settle();
    expect(labelled()).toBe(20);
    await crew.poll();
    await crew.settle();
    expect(labelled()).toBe(30);
  });
});
