import { expect, test } from "vitest";
import { z } from "zod";
import { checkRuntime, probeRuntime } from "../../functions/doctor/runtime.ts";
import { MINUTE, SECOND } from "../../shared/time.ts";
import { RELIABILITY_ADMIN_TOKEN } from "../reliability/simulators.ts";
import { createVirtualTimeApp, type VirtualTimeApp } from "../reliability/virtual-time-app.ts";

/** Starts in a workspace with 3 tasks of an agent, 2 urgent items and 5 others, whose relations Plane cannot give yet. */
async function startWithoutRelations() {
  const config = { agents: [{ name: "Thot", email: "thot@javisi.local.test" }] };
  const app = await createVirtualTimeApp({ config });
  const { plane } = app;
  const thot = plane.addUser({ name: "Thot", email: "thot@javisi.local.test" });
  const project = app.addProject();
  const add = (name: string, patch = {}) => plane.addItem(project, { name, ...patch });
  for (let n = 0; n < 3; n += 1) add("Task", { assignees: [thot] });
  for (let n = 0; n < 2; n += 1) add("Urgent", { priority: "urgent" });
  for (let n = 0; n < 5; n += 1) add("Item");
  const lift = plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
  await app.time.advance(MINUTE, MINUTE);
  await app.start();
  app.takeWebhookBodies();
  await app.runTick("poll", MINUTE);
  return { app, lift };
}

const answerSchema = z.looseObject({ first_look: z.record(z.string(), z.union([z.number(), z.string()])).optional() });

async function readReports(app: VirtualTimeApp) {
  const readField = async (path: string) => answerSchema.parse(await (await app.request(path)).json()).first_look;
  const url = "http://127.0.0.1:8787";
  const fetchApp: typeof fetch = (input, init) => app.request(new URL(String(input)).pathname, init ?? {});
  const probe = await probeRuntime({ fetch: fetchApp, clock: Date.now }, url, RELIABILITY_ADMIN_TOKEN);
  const finding = checkRuntime(url, probe, app.settings).find(({ name }) => name === "first look");
  return { ready: await readField("/ready"), board: await readField("/api/board"), doctor: finding?.detail };
}

test("/ready, the board and the doctor tell how much the first look at Plane has not read yet, until it is complete", async () => {
  const { app, lift } = await startWithoutRelations();
  const left = {
    projects_left: 0,
    tasks_left: 3,
    items_left: 2,
    projects: 1,
    items_read: 10,
    stage: "blockers",
    percent: 0,
  };
  expect(await readReports(app)).toEqual({
    ready: left,
    board: left,
    doctor:
      "Groundcrew still reads what was in Plane before: 0 projects, the blockers of 3 tasks of agents, and those of 2 other items (0 % of the blockers read)",
  });
  lift();
  await app.time.advance(2 * MINUTE, SECOND);
  expect(await readReports(app)).toEqual({ ready: undefined, board: undefined, doctor: undefined });
});

test("when the blockers of all agents' tasks are known, one poll follows, which wakes the agents for what they can start", async () => {
  const { app, lift } = await startWithoutRelations();
  const countPolls = () => app.lines.filter(({ message, tick }) => message === "tick" && tick === "poll").length;
  expect(countPolls()).toBe(1);
  lift();
  await app.time.advance(3 * MINUTE, SECOND);
  expect(countPolls()).toBe(2);
});
