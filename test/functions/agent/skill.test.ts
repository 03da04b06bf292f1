import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { settingsFileSchema } from "../../../shared/config/settings-file.ts";
import { createTaskApp, toBridgeToken } from "../../support/http-test-app.ts";
import { createTestFolder } from "../../support/test-folder.ts";

const runFile = promisify(execFile);
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
    const { stdout } = await runFile("sh", ["-c", [...lines, command].join("\n")], { cwd: folder, env });
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
