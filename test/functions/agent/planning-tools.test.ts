import { expect, test } from "vitest";
import { mayCallTool, parseToolInput } from "../../../functions/agent/tool.ts";
import { TOOLS } from "../../../functions/agent/tools.ts";
import type { Caller } from "../../../shared/tasks/call-context.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

const PLANNING_TOOLS = [
  "create_task",
  "update_task",
  "create_project",
  "plan_project",
  "list_projects",
  "list_tasks",
  "list_agents",
  "message_human",
];

async function createPlanningApp() {
  const app = await createAgentTestApp();
  app.addTask("Guide");
  app.advance(60_000);
  await app.runFirstPoll();
  return app;
}

/** Calls a tool as the Concierge and checks that its output schema covers the whole answer. */
async function callPlanningTool(app: AgentTestApp, name: string, given: unknown): Promise<unknown> {
  const tool = TOOLS.find((one) => one.name === name);
  if (!tool) throw new Error(`There is no tool ${name}.`);
  const caller = app.getCaller("Concierge");
  const output = await tool.run({ work: app.actAs("Concierge"), caller }, parseToolInput(tool, given));
  expect(tool.output.parse(output)).toEqual(output);
  return output;
}

test("OPENCLAW-08 planning is allowed only to the Concierge and humans", async () => {
  const planning = TOOLS.filter(({ allow }) => allow === "concierge").map(({ name }) => name);
  expect(planning).toEqual(PLANNING_TOOLS);
  const may = (role: Caller["role"]) =>
    TOOLS.filter((tool) => mayCallTool({ name: "x", role }, tool)).map(({ name }) => name);
  for (const name of PLANNING_TOOLS) {
    expect(may("worker")).not.toContain(name);
    expect(may("concierge")).toContain(name);
    expect(may("human")).toContain(name);
  }
});

test("OPENCLAW-17 each planning tool accepts its declared input and answers in its declared schema", async () => {
  const app = await createPlanningApp();
  expect(
    await callPlanningTool(app, "create_task", {
      project: "ONB",
      title: "Tour",
      blocked_by: ["ONB-1"],
      assignee: null,
    }),
  ).toMatchObject({
    key: "ONB-2",
  });
  expect(await callPlanningTool(app, "create_project", { name: "Website" })).toMatchObject({ identifier: "WEBS" });
  const tasks = [{ id: "a", title: "A", assignee: "Thot", estimate: { minutes: 5 } }];
  expect(await callPlanningTool(app, "plan_project", { project: "Website", tasks, dry_run: true })).toMatchObject({
    remaining: 2,
  });
  expect(await callPlanningTool(app, "list_agents", {})).toMatchObject({ agents: [{ name: "Concierge" }, {}, {}] });
});

test("a planned task with an unknown field is refused, not silently ignored", async () => {
  const app = await createPlanningApp();
  const tasks = [{ id: "a", title: "A", depends_on: ["b"] }];
  await expect(callPlanningTool(app, "plan_project", { project: "Website", tasks })).rejects.toThrow("depends_on");
});
