import { expect, test } from "vitest";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { MINUTE } from "../../../shared/time.ts";
import { WORK_RULES } from "../../support/agent-test-app.ts";
import { createHttpTestApp } from "../../support/http-test-app.ts";

/** Two requests at the agent's pace: the first one is sent at once, the second one 1,020 ms later. */
const TWO_PACED_REQUESTS_MS = 1_020;

const start = (task: string) => ({ task, status: "in_progress" });
const DONE = { task: "ONB-1", status: "done", text: "Written." };
const BLOCKED = { status: "blocked", text: "The printer is broken." };

/** Calls on the tasks of `createPacedApp`, one after the other, and the status of their answers; `idle`: after it. */
const CALLS: [tool: string, input: object, status?: number, idle?: number][] = [
  ["claim_task", { task: "ONB-1" }],
  ["update_task_status", start("ONB-1")],
  ["update_task_status", DONE, 409],
  ["start_timer", { task: "ONB-1" }],
  ["stop_timer", { task: "ONB-1" }],
  ["report", { task: "ONB-1", percent: 50, cost: 1 }],
  ["add_comment", { task: "ONB-1", text: "Half.", kind: "progress", percent: 50, critical: true }],
  ["upload_deliverable", { task: "ONB-1", name: "guide.md", file: btoa("# Guide"), text: "The guide." }],
  ["ask_human", { task: "ONB-1", text: "Which colour?", choices: ["red", "blue"] }],
  ["update_task_status", DONE],
  ["update_task_status", start("ONB-2")],
  ["update_task_status", { ...DONE, task: "ONB-2", confidence: 0.1 }],
  ["update_task_status", start("ONB-5"), 409],
  ["update_task_status", start("ONB-4"), 200, 16 * MINUTE],
  ["update_task_status", { ...BLOCKED, task: "ONB-4" }, 409],
  ["update_task_status", start("ONB-4")],
  ["update_task_status", { ...BLOCKED, task: "ONB-4" }],
];

const CALLS_OF_CONCIERGE: typeof CALLS = [
  ["create_task", { project: "ONB", title: "Sell it", assignee: "Thot", blocked_by: ["ONB-1", "ONB-3"] }],
  ["update_task", { task: "ONB-5", add_blockers: ["ONB-1"], remove_blockers: ["ONB-3"], priority: "low" }],
  ["create_project", { name: "Website relaunch" }],
  ["create_project", { name: "Website relaunch" }],
];

/** ONB-1, ONB-2, ONB-4 of Imhotep, ONB-3 of Thot, and ONB-5 of Imhotep that waits for ONB-3. */
async function createPacedApp(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp({ parts: WORK_RULES, ...options });
  const description_html = "<p>Done when:</p><ul><li>file guide.md</li></ul>";
  const guide = app.addTask("Write the guide", "Imhotep", { description_html });
  app.addTask("Print the guide", "Imhotep");
  const pictures = app.addTask("Draw the pictures", "Thot");
  app.addTask("Paint the door", "Imhotep");
  app.plane.relate(app.addTask("Publish the guide", "Imhotep"), pictures);
  await app.runFirstPoll();
  await app.addWish();
  await settle(app);
  return Object.assign(app, { guide });
}

/** Runs the jobs that are due, and waits until the agents' pace and their limit of unpaced requests have recovered. */
async function settle(app: Awaited<ReturnType<typeof createHttpTestApp>>, idle = 2 * MINUTE) {
  await app.deps.drain();
  app.advance(idle);
  await app.deps.drain();
}

test("OPENCLAW-20 every call that writes sends at most two requests at the agent's pace, whatever its answer", async () => {
  const app = await createPacedApp();
  for (const [agent, calls] of [["Imhotep", CALLS] as const, ["Concierge", CALLS_OF_CONCIERGE] as const])
    for (const [tool, input, expected = 200, idle] of calls) {
      const [startedAt, before] = [app.time.now, app.plane.ledger.requests.length];
      const { status, json } = await app.callTool(agent, tool, input);
      const label = `${tool} ${JSON.stringify([input, json])}`;
      expect([status, app.time.now - startedAt <= TWO_PACED_REQUESTS_MS], label).toEqual([expected, true]);
      const sent = app.plane.ledger.requests.slice(before).filter(({ api }) => api);
      expect(sent.filter(({ owner }) => owner === app.getUser(agent).id).length, label).toBeLessThanOrEqual(2);
      await settle(app, idle);
    }
  // Each step of these two takes one request, and the third sends none to Plane.
  const measured = [...CALLS, ...CALLS_OF_CONCIERGE, ["plan_project"], ["schedule_work"], ["message_human"]];
  const writing = TOOLS.filter(({ isReadOnly }) => !isReadOnly).map(({ name }) => name);
  expect(writing.toSorted()).toEqual([...new Set(measured.map(([tool]) => tool))].toSorted());
});

test("OPENCLAW-20 an agent whose calls fail in a loop uses at most 30 of Groundcrew's requests a minute, then its own pace", async () => {
  const app = await createPacedApp();
  const [before, startedAt] = [app.plane.ledger.requests.length, app.time.now];
  for (let calls = 0; calls < 35; calls += 1) await app.callTool("Imhotep", "update_task_status", DONE);
  const requests = app.plane.ledger.requests.slice(before).filter(({ api }) => api);
  const reads = requests.filter(({ path }) => /work-items\/[0-9a-f-]{36}\/\?/.test(path));
  const own = reads.filter(({ owner }) => owner === app.getUser("Imhotep").id);
  expect([reads.length, reads.length - own.length]).toEqual([35, 30]);
  expect(app.time.now - startedAt).toBeGreaterThanOrEqual(4 * 1_020);
  for (const [i, { at }] of own.slice(1).entries()) expect(at - (own[i]?.at ?? 0)).toBeGreaterThanOrEqual(1_020);
});
