import { expect, onTestFinished, test } from "vitest";
import { createConsoleActions } from "../../../demo/console/actions.ts";
import { createTally } from "../../../demo/console/tally.ts";
import { seedDemo } from "../../../demo/seed.ts";
import { createPlaneSimulator } from "../../../simulators/plane/create-plane-simulator.ts";
import type { SimulatedMessage } from "../../../simulators/telegram/chats.ts";

async function createActions() {
  const plane = createPlaneSimulator();
  await plane.start();
  onTestFinished(() => plane.stop());
  const seeded = seedDemo(plane, Date.now());
  plane.addWebhook("http://127.0.0.1:9/webhooks/plane");
  const stage = { ...seeded, plane };
  const messages: SimulatedMessage[] = [];
  const tally = createTally(stage, "en", () => messages);
  tally.recordCompletions();
  const acts = createConsoleActions({
    stage,
    tally,
    telegram: { start: async () => "", stop: async () => {} },
    ...{ kill: () => {}, poll: () => {}, restarts: () => 0 },
    isOver: () => false,
    narrate: () => {},
  });
  onTestFinished(() => acts.stop());
  const tell = (text: string) =>
    messages.push({ id: messages.length, text, entities: [], at: 0, edits: [], previews: false, buttons: [] });
  const todo = plane.items(seeded.office).find(({ name }) => name === "Book the welcome meeting");
  if (!todo) throw new Error("no such task");
  return { plane, acts, tally, tell, todo };
}

test.each([
  ["arrive", 1],
  ["drop", 0],
  ["double", 2],
] as const)("the webhooks of the next change %s, those of the one after it arrive", async (fate, times) => {
  const { acts, plane, todo } = await createActions();
  plane.deliveries.dropAll();
  await acts.runAction("fate", { fate });
  await acts.runAction("move", { item: todo.id, column: "in_progress" });
  plane.runWorker();
  expect(plane.deliveries.pending.filter(({ field }) => field === "state_id")).toHaveLength(times);
  plane.deliveries.dropAll();
  await acts.runAction("move", { item: todo.id, column: "done" });
  plane.runWorker();
  expect(plane.deliveries.pending.filter(({ field }) => field === "state_id")).toHaveLength(1);
});

test("a webhook that comes late is due in twenty seconds", async () => {
  const { acts, plane, todo } = await createActions();
  plane.deliveries.dropAll();
  await acts.runAction("fate", { fate: "delay" });
  await acts.runAction("move", { item: todo.id, column: "done" });
  const [late] = plane.deliveries.pending.filter(({ about }) => about === todo.id);
  expect((late?.due ?? 0) - Date.now()).toBeGreaterThan(15_000);
});

test.each([
  ["nothing", {}],
  ["constructor", {}],
  ["add", { title: " ", project: "ONB", assignee: "" }],
  ["add", { title: "x", project: "NOPE", assignee: "" }],
  ["move", { item: "nope", column: "done" }],
  ["outage", { part: "plane", seconds: 100_000 }],
])("what it cannot do is refused: %s", async (name, input) => {
  const { acts } = await createActions();
  await expect(acts.runAction(name, input)).rejects.toThrow();
});

test("the tally lists notifications that are missing in the chat, repeated, or marked as a possible repeat", async () => {
  const { acts, tally, tell, todo } = await createActions();
  expect(tally.readTally()).toEqual({ completed: 0, told: 0, missing: [], doubled: [], marked: 0 });
  await acts.runAction("move", { item: todo.id, column: "done" });
  tally.recordCompletions();
  expect(tally.readTally()).toMatchObject({ completed: 1, told: 0, missing: ["ONB-2"] });
  tell("✅ Completed: ONB-2 Book the meeting about ONB-3");
  expect(tally.readTally()).toEqual({ completed: 1, told: 1, missing: [], doubled: [], marked: 0 });
  tell("✅ Completed: ONB-2 Book the meeting\n(may be a repeat)");
  expect(tally.readTally()).toMatchObject({ doubled: [], marked: 1 });
  tell("✅ 2 tasks completed in Onboarding (ONB): ONB-2, ONB-3");
  expect(tally.readTally().doubled).toEqual(["ONB-2", "ONB-3"]);
});
