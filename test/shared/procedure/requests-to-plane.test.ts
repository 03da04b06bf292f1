import { expect, test } from "vitest";
import type { TaskOperations } from "../../../functions/agent/tool.ts";
import { createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";

const REPORT = { task: "ONB-1", name: "report.md", file: new Blob(["# Report"]) };
const WEBSITE = {
  project: "Website",
  tasks: [
    { id: "draw", title: "Drawing", assignee: "Imhotep" },
    { id: "text", title: "Text", assignee: "Thot", blocked_by: ["draw"] },
  ],
};

/** Calls in this order, and the most requests that each takes: as many as before there were procedures. */
const CALLS: [title: string, by: string, most: number, act: (work: TaskOperations) => Promise<unknown>][] = [
  [
    "a start with comment, labels and card",
    "Imhotep",
    14,
    (work) => work.setStatus("ONB-1", { status: "in_progress" }),
  ],
  ["an upload with its comment", "Imhotep", 3, (work) => work.deliver(REPORT)],
  ["an end with comment and card", "Imhotep", 7, (work) => work.setStatus("ONB-1", { status: "done", text: "Ready." })],
  ["a wish whose plan has a new project and two tasks", "Concierge", 35, (work) => work.plan(WEBSITE)],
];

/** Longer than the interval between edits of an agent card, so that they are counted as well. */
const SETTLED_S = 90;

test("a change of status, an upload and a wish take no more requests to Plane than before they were procedures", async () => {
  const app = await createAgentTestApp({ config: { plan: { approve: false } }, parts: WORK_RULES });
  app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  await app.addWish();
  for (const [title, by, most, act] of CALLS) {
    const requests = await app.recordRequests(async () => {
      await act(app.actAs(by));
      for (let second = 0; second < SETTLED_S; second += 1) {
        app.advance(1_000);
        await app.drain();
      }
    });
    expect(requests.length, `${title}:\n${requests.join("\n")}`).toBeLessThanOrEqual(most);
    expect(requests.length, title).toBeGreaterThan(most / 2);
  }
});
