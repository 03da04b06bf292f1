import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { createOutputSchema, getToolDefinition } from "../../../functions/agent/tool.ts";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { settingsFileSchema } from "../../../shared/config/settings-file.ts";
import { getTool } from "../../support/get-tool.ts";
import { createHttpTestApp, createTaskApp, toBridgeToken } from "../../support/http-test-app.ts";
import { createTestFolder } from "../../support/test-folder.ts";

const SESSION = "openclaw-session-3f1c2b7e-0d4a-4c55-9e61-2a7b8c9d0e1f";

/** An app with a task of Thot, and calls whose answers must have their declared schema. */
async function createAppWithTask() {
  const app = await createHttpTestApp();
  app.addTask("Write it down", "Thot");
  app.advance(60_000);
  await app.runFirstPoll();
  const call = async (agent: string, tool: string, input: object): Promise<unknown> => {
    const { status, json } = await app.callTool(agent, tool, input);
    expect(status, JSON.stringify(json)).toBe(200);
    expect(getTool(tool).output.parse(json)).toEqual(json);
    return json;
  };
  return { app, call };
}

test("OPENCLAW-06 report keeps omitted fields; start_timer and stop_timer return the start and the total time", async () => {
  const { app, call } = await createAppWithTask();
  const act = (tool: string, input = {}) => call("Thot", tool, { task: "onb-1", ...input });
  expect(await act("stop_timer")).toMatchObject({ stopped: false, note: expect.stringContaining("start_timer") });
  await act("report", { percent: 40, cost: 2, session: SESSION });
  const { since } = (await act("start_timer")) as { since: string };
  app.advance(90_000);
  expect(await act("start_timer")).toEqual({ task: "ONB-1", running: true, since, already: true, spent_seconds: 90 });
  const stopped = { task: "ONB-1", running: false, from: since, to: expect.any(String), spent_seconds: 90 };
  expect(await act("stop_timer")).toEqual({ ...stopped, stopped: true });
  expect(await act("stop_timer")).toEqual({ ...stopped, stopped: false, note: expect.stringContaining("No timer") });
  expect(await act("report", { percent: 50, text: "half" })).toEqual({
    ...{ task: "ONB-1", percent: 50, text: "half", cost: 2, session: SESSION, spent_seconds: 90 },
    held_until: expect.stringMatching(/^2026-11-21T08:1\d:\d\dZ$/),
  });
});

test("OPENCLAW-17 each planning tool accepts its declared input and answers in its declared schema", async () => {
  const { app, call } = await createAppWithTask();
  const plan = (tool: string, input: object) => call("Concierge", tool, input);
  const tour = { project: "ONB", title: "Tour", blocked_by: ["ONB-1"], assignee: null };
  expect(await plan("create_task", tour)).toMatchObject({ key: "ONB-2" });
  expect(await plan("create_project", { name: "Shop" })).toEqual({ name: "Shop", awaiting_approval: true });
  await app.addWish();
  expect(await plan("create_project", { name: "Website" })).toMatchObject({ identifier: "WEBS" });
  const tasks = [{ id: "a", title: "A", assignee: "Thot", estimate: { minutes: 5 } }];
  expect(await plan("plan_project", { project: "Website", tasks, dry_run: true })).toMatchObject({ remaining: 2 });
  expect(await plan("list_agents", {})).toMatchObject({ agents: [{ name: "Concierge" }, {}, {}] });
});

/** JSON as some clients pass it to a model: spaced, and with escapes in place of other characters than ASCII. */
function toSpacedAscii(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toSpacedAscii).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([name, field]) => `${toSpacedAscii(name)}: ${toSpacedAscii(field)}`)
      .join(", ")}}`;
  const toEscape = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return (JSON.stringify(value) ?? "null").replace(/[^ -~]/g, toEscape);
}

test("The tool definitions that a model sees have unique names, short descriptions, inputs in one style and objects as answers", () => {
  const names = TOOLS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const tool of TOOLS) {
    expect(tool.name).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(tool.description, tool.name).toMatch(/^[A-Z].{20,200}\.$/);
    const { inputSchema } = getToolDefinition(tool);
    const unwanted = /\$schema|9007199254740991|"additionalProperties":false/;
    expect(JSON.stringify(inputSchema), tool.name).not.toMatch(unwanted);
    for (const field of Object.keys(inputSchema.properties))
      expect(field, tool.name).toMatch(/^[a-z0-9]+(_[a-z0-9]+)*$/);
    expect(createOutputSchema(tool).type, tool.name).toBe("object");
  }
});

test("OPENCLAW-08 a tool for the Concierge only (reliability 20), which plans or reads the work of all, is listed and allowed to nobody else, and the lists are short", async () => {
  const planning = TOOLS.filter(({ allow }) => allow === "concierge").map(({ name }) => name);
  expect(planning.toSorted()).toEqual([
    ...["create_project", "create_task", "list_agents", "list_projects", "list_tasks", "message_human"],
    ...["plan_project", "schedule_work", "update_task"],
  ]);
  const app = await createHttpTestApp();
  const all = TOOLS.map(({ name }) => name);
  const workers = all.filter((name) => !planning.includes(name));
  // Every agent reads the complete result of tools/list at every start, so its characters are limited.
  for (const [agent, names, limit] of [["Concierge", all, 12_000] as const, ["Thot", workers, 7_000] as const]) {
    const result = await (await app.connectMcpClient(agent)).listTools();
    expect(result.tools.map(({ name }) => name)).toEqual(names);
    expect(toSpacedAscii(result).length).toBeLessThan(limit);
    const openapi = await (await app.request("/agent/openapi.json", toBridgeToken(agent))).text();
    for (const name of planning) expect(openapi.includes(`/agent/${name}"`)).toBe(agent === "Concierge");
  }
  const { status, json } = await app.callTool("Thot", "list_agents", {});
  const message = "list_agents is for the Concierge only; Thot may not call it.";
  expect([status, json]).toEqual([403, { error: { code: "forbidden", message } }]);
  await expect
    .poll(() => app.logged.find(({ message }) => message === "agent call"))
    .toMatchObject({ level: "warn", agent: "Thot", tool: "list_agents", outcome: "forbidden" });
});

const text = readFileSync("skills/plane-bridge/SKILL.md", "utf8");
const [, frontMatter = "", body = ""] = /^---\n(.*?)\n---\n(.*)$/s.exec(text) ?? [];
const fields = new Map(
  frontMatter.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
);
const shell = /```sh\n(.*?)```/s.exec(body)?.[1] ?? "";

test("OPENCLAW-01 the skill file has front matter that both OpenClaw 2026.2 and 2026.9 load", () => {
  expect([...fields.keys()]).toEqual(["name", "description", "metadata"]);
  expect(fields.get("name")).toBe("plane-bridge");
  // Unquoted, a colon and a blank make 2026.2 drop the description, and with it the skill.
  expect(fields.get("description")).toMatch(/^(?!["'])(?!.*: ).{20,}$/);
  // Each agent's token is in a file, which a check of the environment would not find.
  expect(JSON.parse(fields.get("metadata") ?? "")).toEqual({
    openclaw: { requires: { bins: ["curl"] }, primaryEnv: "GROUNDCREW_TOKEN" },
  });
});

test("OPENCLAW-01 the skill file is short, names only existing tools and inputs, and has the safety rules and a part for the Concierge", () => {
  expect(text.length).toBeLessThan(3_500);
  const inputs = TOOLS.flatMap(({ name, input }) => [name, ...Object.keys(input.shape)]);
  const others = ["in_progress", "retry_after", "held_until", ...Object.keys(settingsFileSchema.shape)];
  const named = [...body.matchAll(/\b[a-z]+(?:_[a-z]+)+\b/g)].map(([name]) => name);
  expect(named.filter((name) => ![...inputs, ...others].includes(name))).toEqual([]);
  expect(named).toEqual(expect.arrayContaining(["list_my_tasks", "claim_task", "update_task_status"]));
  const rules = ["That task first", "do not retry", "do not repeat that comment", "Read back", "two failed writes"];
  for (const rule of rules) expect(body).toContain(rule);
  const [, part = ""] = /## If you are the Concierge\n(.*?)\n## /s.exec(body) ?? [];
  expect(part).toMatch(/dry_run.*Watch.*sum up/s);
  for (const tool of ["plan_project", "list_projects", "list_tasks", "update_task", "message_human", "list_agents"])
    expect(part).toContain(`\`${tool}\``);
});

test("OPENCLAW-01 the skill file's curl commands work with the token from the agent's file or the environment, and no program gets it as an argument", async () => {
  expect(shell).toContain("curl -sS --fail-with-body -K -");
  expect(shell).not.toMatch(/curl[^|]*(token|TOKEN|Authorization)/);
  const { app, item } = await createTaskApp("Write the menu", "Thot");
  const folder = createTestFolder();
  writeFileSync(join(folder, "report.pdf"), "%PDF-1.4");
  const lines = shell.replaceAll("ONB-12", "ONB-1").split("\n");
  const commands = lines.splice(lines.findIndex((line) => /^call [a-z]/.test(line))).filter(Boolean);
  const run = async (command: string, token: string): Promise<unknown> => {
    const env = { PATH: process.env["PATH"], GROUNDCREW_URL: app.url, GROUNDCREW_TOKEN: token };
    const { stdout } = await promisify(execFile)("sh", ["-c", [...lines, command].join("\n")], { cwd: folder, env });
    return JSON.parse(stdout);
  };
  expect(await run(commands[0] ?? "", toBridgeToken("Thot"))).toMatchObject({ tasks: [{ key: "ONB-1" }] });
  mkdirSync(join(folder, ".groundcrew"));
  writeFileSync(join(folder, ".groundcrew/token"), `${toBridgeToken("Thot")}\n`, { mode: 0o600 });
  const answers = [];
  for (const command of commands) answers.push(await run(command, "no"));
  expect(answers).toMatchObject([
    { tasks: [{ key: "ONB-1" }] },
    { task: "ONB-1", until: expect.any(String) },
    { paths: { "/agent/ask_human": expect.anything() } },
    { task: "ONB-1", name: "report.pdf" },
  ]);
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.pdf", is_uploaded: true }]);
});
