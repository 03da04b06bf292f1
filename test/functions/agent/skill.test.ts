import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { TOOLS } from "../../../functions/agent/tools.ts";
import { settingsFileSchema } from "../../../shared/config/settings-file.ts";
import { createHttpTestApp, toBridgeToken } from "../../support/http-test-app.ts";

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

/** The tools that the part for the Concierge must name. */
const CONCIERGE_TOOLS = ["plan_project", "list_projects", "list_tasks", "update_task", "message_human", "list_agents"];

/** Patterns by which OpenClaw 2026.9 masks secrets in a tool's output, which is how a model reads a skill. */
const MASKED_BY_OPENCLAW = [
  /Authorization["']?[ \t]*[:=]\s*["']?(?:Bearer|Basic)\s+(\S+)/gi,
  /\bBearer\s+([-A-Za-z0-9._~+/=]{18,})/g,
  /\b[A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD)\b\s*[=:]\s*["']?([^\s"'\\]+)/g,
  /"(?:apiKey|token|secret|password|accessToken|refreshToken)"\s*:\s*"([^"]+)"/g,
  /--(?:api[-_]?key|token|secret|password)\s+["']?([^\s"']+)/g,
];

const maskLikeOpenclaw = (plain: string) =>
  MASKED_BY_OPENCLAW.reduce(
    (masked, pattern) => masked.replace(pattern, (found, secret: string) => found.replace(secret, () => "***")),
    plain,
  );

test("OPENCLAW-01 OpenClaw 2026.9, which masks tokens in what a model reads, leaves the skill file as it is", () => {
  expect(maskLikeOpenclaw("printf 'header = \"Authorization: Bearer %s\"'")).toContain("Bearer ***");
  expect(maskLikeOpenclaw(text)).toBe(text);
});

test("OPENCLAW-01 the skill file tells the Concierge to ask, plan, check, watch and sum up, with these tools", () => {
  const [, part = ""] = /## If you are the Concierge\n(.*?)\n## /s.exec(body) ?? [];
  for (const tool of CONCIERGE_TOOLS) expect(part).toContain(`\`${tool}\``);
  expect(part).toMatch(/dry_run.*Watch.*sum up/s);
});

test("OPENCLAW-01 the skill file names only existing tools and inputs", () => {
  const tools = TOOLS.map(({ name }) => name);
  const inputs = TOOLS.flatMap(({ input }) => Object.keys(input.shape));
  const known = [
    ...tools,
    ...inputs,
    "in_progress",
    "retry_after",
    ...CONCIERGE_TOOLS,
    "held_until",
    ...Object.keys(settingsFileSchema.shape),
  ];
  const named = [...body.matchAll(/\b[a-z]+(?:_[a-z]+)+\b/g)].map(([name]) => name);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
  expect(named).toEqual(expect.arrayContaining(["list_my_tasks", "claim_task", "update_task_status"]));
});

test("OPENCLAW-01 the skill file is short and contains the safety rules", () => {
  expect(text.length).toBeLessThan(3_500);
  for (const rule of [
    /That task first/,
    /do not retry/,
    /do not repeat that comment/,
    /Read back/,
    /two failed writes/,
  ])
    expect(body).toMatch(rule);
});

test.each(["the agent's file", "the environment"])(
  "OPENCLAW-01 the skill file shows curl commands that work with the token from %s",
  async (source) => {
    const app = await createHttpTestApp();
    const item = app.addTask("Write the menu", "Thot");
    await app.runFirstPoll();
    const folder = mkdtempSync(join(tmpdir(), "skill-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, ".groundcrew"));
    const inFile = source === "the agent's file";
    if (inFile) writeFileSync(join(folder, ".groundcrew/token"), `${toBridgeToken("Thot")}\n`, { mode: 0o600 });
    const env = {
      PATH: process.env["PATH"],
      GROUNDCREW_URL: app.url,
      GROUNDCREW_TOKEN: inFile ? "no" : toBridgeToken("Thot"),
    };
    writeFileSync(join(folder, "report.pdf"), "%PDF-1.4");
    const lines = shell.replaceAll("ONB-12", "ONB-1").split("\n");
    const functions = lines.slice(
      0,
      lines.findIndex((line) => /^call [a-z]/.test(line)),
    );
    const sentBodies: unknown[] = [];
    for (const line of lines.slice(functions.length).filter(Boolean)) {
      const { stdout } = await runFile("sh", ["-c", [...functions, line].join("\n")], { cwd: folder, env });
      sentBodies.push(JSON.parse(stdout));
    }
    expect(sentBodies).toMatchObject([
      { tasks: [{ key: "ONB-1" }] },
      { task: "ONB-1", until: expect.any(String) },
      { paths: { "/agent/ask_human": expect.anything() } },
      { task: "ONB-1", name: "report.pdf" },
    ]);
    expect(app.plane.attachments(item)).toMatchObject([{ name: "report.pdf", is_uploaded: true }]);
  },
);

test("OPENCLAW-01 the skill file keeps the token out of the process list: no program gets it as an argument", () => {
  expect(shell).toContain("curl -sS --fail-with-body -K -");
  expect(shell).not.toMatch(/curl[^|]*(token|TOKEN|Authorization)/);
});
