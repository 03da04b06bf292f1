import { expect, test } from "vitest";
import type { TaskOperations } from "../../../functions/agent/tool.ts";
import { createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";

/** A call, who makes it, and the most requests that it takes: as many as before there were procedures. */
interface CountedCall {
  title: string;
  by: "Imhotep" | "Concierge";
  most: number;
  act: (work: TaskOperations, task: string) => Promise<unknown>;
}

/** In this order, about one task. */
const CALLS: CountedCall[] = [
  {
    title: "a start with its comment, its labels and the agent card",
    by: "Imhotep",
    most: 14,
    act: (work, task) => work.setStatus(task, { status: "in_progress" }),
  },
  {
    title: "an upload with its comment",
    by: "Imhotep",
    most: 3,
    act: (work, task) => work.deliver({ task, name: "report.md", file: new Blob(["# Report"]) }),
  },
  {
    title: "a finished task with its comment and the agent card",
    by: "Imhotep",
    most: 7,
    act: (work, task) => work.setStatus(task, { status: "done", text: "Ready." }),
  },
  {
    title: "a wish whose plan has a new project and two tasks, one after the other",
    by: "Concierge",
    most: 35,
    act: (work) =>
      work.plan({
        project: "Website",
        tasks: [
          { id: "draw", title: "Drawing", assignee: "Imhotep" },
          { id: "text", title: "Text", assignee: "Thot", blocked_by: ["draw"] },
        ],
      }),
  },
];

/** Longer than the interval between edits of an agent card, so that they are counted as well. */
const SETTLED_S = 90;

test("a change of status, an upload and a wish take no more requests to Plane than before they were procedures", async () => {
  const app = await createAgentTestApp({ config: { plan: { approve: false } }, parts: WORK_RULES });
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  await app.addWish();
  for (const { title, by, most, act } of CALLS) {
    const requests = await app.recordRequests(async () => {
      await act(app.actAs(by), item.id);
      for (let second = 0; second < SETTLED_S; second += 1) {
        app.advance(1_000);
        await app.drain();
      }
    });
    expect(requests.length, `${title}:\n${requests.join("\n")}`).toBeLessThanOrEqual(most);
    expect(requests.length, title).toBeGreaterThan(most / 2);
  }
});
