import { expect, test } from "vitest";
import { createOutputSchema, getToolDefinition, parseToolInput } from "../../../functions/agent/tool.ts";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";
import { getTool } from "../../support/get-tool.ts";
import { createHttpTestApp, toBridgeToken } from "../../support/http-test-app.ts";

const SESSION = "openclaw-session-3f1c2b7e-0d4a-4c55-9e61-2a7b8c9d0e1f";

async function createAppWithTask() {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const call = async (name: string, given: Record<string, unknown> = {}) => {
    const tool = getTool(name);
    const caller = app.getCaller("Thot");
    const input = parseToolInput(tool, { task: "onb-1", ...given });
    return tool.output.parse(await tool.run({ work: app.actAs("Thot"), caller }, input));
  };
  return { app, call };
}

test("report keeps omitted fields and returns the current values", async () => {
  const { call } = await createAppWithTask();
  await call("report", { percent: 40, cost: 2, session: SESSION });
  expect(await call("report", { percent: 50, text: "half" })).toEqual({
    task: "ONB-1",
    percent: 50,
    text: "half",
    cost: 2,
    session: SESSION,
    spent_seconds: 0,
    held_until: expect.stringMatching(/^2026-11-21T08:1\d:\d\dZ$/),
  });
});

test.each(["report", "update_task_status"])("%s refuses figures out of range and what is no session", (name) => {
  const tool = getTool(name);
  const required = name === "report" ? {} : { status: "done" };
  for (const [field, value] of [
    ["confidence", 1.1],
    ["cost", -0.01],
    ["cost", 1e300],
    ["tokens", -1],
    ["tokens", 1e300],
    ...["two words", "main", "openclaw-session-", "openclaw-session-1", `agent:main:${SESSION}`, `${SESSION}\n`].map(
      (session) => ["session", session] as const,
    ),
    ...(name === "report"
      ? ([
          ["percent", 101],
          ["percent", -1],
        ] as const)
      : ([["status", "finished"]] as const)),
  ] as const)
    expect(() => parseToolInput(tool, { task: "ONB-1", ...required, [field]: value }), `${field} ${value}`).toThrow(
      new RegExp(`^${name}: ${field}: `),
    );
});

test("OPENCLAW-06 start_timer and stop_timer return the start and the total time", async () => {
  const { app, call } = await createAppWithTask();
  expect(await call("stop_timer")).toMatchObject({ stopped: false, note: expect.stringContaining("start_timer") });
  const { since } = (await call("start_timer")) as { since: string };
  app.advance(90_000);
  expect(await call("start_timer")).toEqual({ task: "ONB-1", running: true, since, already: true, spent_seconds: 90 });
  const stopped = { task: "ONB-1", running: false, from: since, to: expect.any(String), spent_seconds: 90 };
  expect(await call("stop_timer")).toEqual({ ...stopped, stopped: true });
  expect(await call("stop_timer")).toEqual({ ...stopped, stopped: false, note: expect.stringContaining("No timer") });
});

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
  expect(await callPlanningTool(app, "create_project", { name: "Shop" })).toEqual({
    name: "Shop",
    awaiting_approval: true,
  });
  await app.addWish();
  expect(await callPlanningTool(app, "create_project", { name: "Website" })).toMatchObject({ identifier: "WEBS" });
  const tasks = [{ id: "a", title: "A", assignee: "Thot", estimate: { minutes: 5 } }];
  expect(await callPlanningTool(app, "plan_project", { project: "Website", tasks, dry_run: true })).toMatchObject({
    remaining: 2,
  });
  expect(await callPlanningTool(app, "list_agents", {})).toMatchObject({ agents: [{ name: "Concierge" }, {}, {}] });
});

/** Limits of a complete tools/list result in characters, because every agent reads it at every start. */
const BUDGETS = { Concierge: 12_000, Thot: 7_000 };

test.each(Object.entries(BUDGETS))(
  "The complete tools/list result of %s, as ASCII JSON with a space after each comma and colon, has less than %i characters",
  async (agent, budget) => {
    const app = await createHttpTestApp();
    const result = await (await app.connectMcpClient(agent)).listTools();
    const sizes = result.tools.map((tool) => [tool.name, toSpacedAscii(tool).length] as const);
    expect(toSpacedAscii(result).length, JSON.stringify(sizes)).toBeLessThan(budget);
  },
);

/** JSON as some clients pass it to a model: spaced, and with escapes in place of other characters than ASCII. */
function toSpacedAscii(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toSpacedAscii).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([name, field]) => `${toSpacedAscii(name)}: ${toSpacedAscii(field)}`)
      .join(", ")}}`;
  return (JSON.stringify(value) ?? "null").replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

test("The tool definitions that a model sees have unique names, short descriptions, inputs in one style and objects as answers", () => {
  const names = TOOLS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const tool of TOOLS) {
    expect(tool.name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(tool.description, tool.name).toMatch(/^[A-Z].{20,200}\.$/);
    const { inputSchema } = getToolDefinition(tool);
    expect(JSON.stringify(inputSchema), tool.name).not.toMatch(
      /\$schema|9007199254740991|"additionalProperties":false/,
    );
    for (const field of Object.keys(inputSchema.properties))
      expect(field, tool.name).toMatch(/^[a-z0-9]+(_[a-z0-9]+)*$/);
    expect(createOutputSchema(tool).type, tool.name).toBe("object");
  }
});

const planning = TOOLS.filter(({ allow }) => allow === "concierge").map(({ name }) => name);

test("OPENCLAW-08 a tool for the Concierge only (reliability 20) is one that plans or reads the work of all agents", () => {
  expect(planning.toSorted()).toEqual([
    ...["create_project", "create_task", "list_agents", "list_projects", "list_tasks", "message_human"],
    ...["plan_project", "schedule_work", "update_task"],
  ]);
});

test("A tool for the Concierge only (reliability 20) is listed only for the Concierge, over MCP and in the OpenAPI document", async () => {
  const app = await createHttpTestApp();
  const listToolNames = async (agent: string) => {
    const { tools } = await (await app.connectMcpClient(agent)).listTools();
    const openapi = await (await app.request("/agent/openapi.json", toBridgeToken(agent))).text();
    const names = tools.map(({ name }) => name);
    for (const name of planning) expect(openapi.includes(`/agent/${name}"`)).toBe(names.includes(name));
    return names;
  };
  expect(await listToolNames("Concierge")).toEqual(TOOLS.map(({ name }) => name));
  expect(await listToolNames("Thot")).toEqual(TOOLS.map(({ name }) => name).filter((name) => !planning.includes(name)));
});

test("A tool for the Concierge only (reliability 20) is refused to a worker with 403 and the reason, and the refusal is logged", async () => {
  const app = await createHttpTestApp();
  const { status, json } = await app.callTool("Thot", "list_agents", {});
  expect([status, json]).toEqual([
    403,
    { error: { code: "forbidden", message: "list_agents is for the Concierge only; Thot may not call it." } },
  ]);
  await expect
    .poll(() => app.logged.find(({ message }) => message === "agent call"))
    .toMatchObject({ level: "warn", agent: "Thot", tool: "list_agents", outcome: "forbidden" });
});
