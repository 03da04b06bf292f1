import { expect, test } from "vitest";
import { workRules } from "../../../functions/work/rules.ts";
import { lookAtClaims } from "../../../shared/work/lapse.ts";
import { crewWith } from "./status-rig.ts";

test("what a person did meanwhile is respected, although no webhook told of it", async () => {
  const { crew, item, set } = await crewWith();
  await set({ status: "in_progress" });
  await crew.settle();
  crew.plane.editItem(item, { state: "Cancelled" });
  crew.lose();
  await expect(set({ status: "done", text: "Ready." })).rejects.toMatchObject({ code: "conflict" });
  expect(crew.inPlane(item).state).toBe("Cancelled");
});

test("a task that a person puts back to todo in Plane is lost to its agent, which hears it at its next call", async () => {
  const { crew, item, set } = await crewWith({ parts: { consumers: ({ agents }) => [workRules(agents)] } });
  await set({ status: "in_progress" });
  await crew.settle();
  crew.plane.editItem(item, { state: "Todo" });
  await crew.poll();
  await lookAtClaims(crew.deps, "look");
  await expect(set({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("moved away"),
  });
  expect(crew.inPlane(item).state).toBe("Todo");
});

test("the human moves any task without a claim, and its agent hears that it lost it", async () => {
  const { crew, item, set } = await crewWith();
  await set({ status: "in_progress" });
  await crew.settle();
  await set({ status: "todo" }, "Ada");
  await crew.settle();
  expect(crew.inPlane(item).state).toBe("Todo");
  await expect(set({ status: "done", text: "Ready." })).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining("moved away"),
  });
});

test("the Concierge cancels and blocks what it has planned, but does not do it for others", async () => {
  const { set } = await crewWith();
  await expect(set({ status: "in_progress" }, "Concierge")).rejects.toMatchObject({ code: "forbidden" });
  expect(await set({ status: "blocked", text: "Not yet." }, "Concierge")).toMatchObject({ word: "blocked" });
  expect(await set({ status: "cancelled" }, "Concierge")).toMatchObject({ word: "cancelled" });
});
