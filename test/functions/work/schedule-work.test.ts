import { expect, test } from "vitest";
import { findRequest } from "../../../shared/requests/requests.ts";
import { listSchedules } from "../../../shared/schedules/list-schedules.ts";
import { toPlanRequestId } from "../../../shared/tasks/plan-record.ts";
import { approveOnly, createPlanSetup, createWishedSetup, readRun } from "./plan-setup.ts";

const WORK = { project: "ONB", title: "Check the backups", assignee: "Thot", when: "every monday 9:00" };

test("RECUR-02 schedule_work creates a template, and nobody is woken for it", async () => {
  const { app, callTool, settle, takeWakes } = await createWishedSetup();
  expect(await callTool("Concierge", "schedule_work", WORK)).toMatchObject({ recurs: "every Monday at 9:00" });
  await settle();
  expect(await listSchedules(app.deps)).toMatchObject([
    { name: "Check the backups", cron: "0 9 * * 1", origin: "plane", key: "ONB-1" },
  ]);
  const [template] = app.plane.items(app.onb);
  expect(app.readPlaneItem(template ?? { id: "" })).toMatchObject({
    state: "Backlog",
    assignees: ["Thot"],
    labels: expect.arrayContaining(["recurring"]),
  });
  expect(takeWakes().filter((wake) => wake.startsWith("Thot"))).toEqual([]);
  expect(await callTool("Concierge", "schedule_work", WORK)).toMatchObject({ key: "ONB-1", remaining: 0 });
  expect(app.plane.items(app.onb)).toHaveLength(1);
});

test("RECUR-02 for a person's wish, schedule_work awaits approval, which shows when it recurs", async () => {
  const setup = await createPlanSetup();
  const { app, callTool, addWish, settle } = setup;
  await addWish("Check the backups each Monday");
  expect(await callTool("Concierge", "schedule_work", WORK)).toMatchObject({ awaiting_approval: true });
  await settle();
  expect(app.plane.items(app.onb)).toEqual([]);
  const request = await findRequest(app.deps, toPlanRequestId(await readRun(setup)));
  expect(JSON.stringify(request?.value.input)).toContain("recurs every Monday at 9:00");
  expect(await approveOnly(setup)).toBe("decided");
  await settle();
  expect(await listSchedules(app.deps)).toMatchObject([{ cron: "0 9 * * 1" }]);
});

test("RECUR-02 schedule_work refuses words that are no schedule, and an unknown project", async () => {
  const { app, callTool } = await createPlanSetup();
  await expect(callTool("Concierge", "schedule_work", { ...WORK, when: "every 2 weeks" })).rejects.toThrow("counted");
  await expect(callTool("Concierge", "schedule_work", { ...WORK, project: "NOPE" })).rejects.toThrow("NOPE");
  await expect(callTool("Thot", "schedule_work", WORK)).rejects.toThrow();
  expect(app.plane.items(app.onb)).toEqual([]);
});
