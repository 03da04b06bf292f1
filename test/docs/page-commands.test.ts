import { createHash, randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { ENVIRONMENT_NAMES } from "../../shared/config/environment.ts";
import { PROVISION_SECRET_NAMES, SECRET_NAMES } from "../../shared/config/secrets.ts";
import { createProvisionSetup } from "../functions/provision/provision-setup.ts";
import { createCommandsApp } from "../functions/telegram/commands/commands-app.ts";
import { createSession, createTicketsApp } from "../functions/tickets/tickets-app.ts";
import { createHttpTestApp, HTTP_ADMIN_TOKEN, toBridgeToken } from "../support/http-test-app.ts";
import { createTestSettings } from "../support/settings.ts";
import { RUNTIME_ADMIN_TOKEN, startTestRuntime } from "../support/test-runtime.ts";
import { readShellBlock } from "./document-blocks.ts";
import { createShell } from "./shell.ts";

const ADDRESS = "http://127.0.0.1:8787";

describe("The commands of README and docs/", () => {
  test("that call npm have scripts of package.json, and set known settings only", async () => {
    const shell = createShell({ git: 'if [ "$1" = clone ]; then mkdir "$3"; fi', npm: "" });
    shell.write("data/secrets.json", '{"ADMIN_TOKEN": "a-token-of-these-tests"}');
    const blocks = [
      readShellBlock("README.md", "Try the demo").replace("<this repository>", "https://git.example.com/groundcrew"),
      readShellBlock("docs/architecture.md", "Architecture"),
      readShellBlock("docs/benchmarks.md", "Benchmarks"),
      readShellBlock("docs/configuration.md", "Configuration"),
      readShellBlock("docs/kaneo-bridge.md", "Coming from kaneo-bridge"),
      readShellBlock("docs/operations.md", "Operations"),
      readShellBlock("docs/reliability.md", "Reliability"),
      readShellBlock("docs/requirements.md", "Requirements and the tests that cover them"),
      readShellBlock("docs/troubleshooting.md", "Troubleshooting"),
    ];
    for (const block of blocks) await shell.run(block);
    expect(await shell.run(readShellBlock("docs/page.md", "The page"))).toBe("a-token-of-these-tests\n");
    const exported = parseEnv(await shell.run(`${readShellBlock("README.md", "Connect Plane")}\nenv`));
    const known = [...ENVIRONMENT_NAMES, ...SECRET_NAMES, ...PROVISION_SECRET_NAMES, "PATH", "HOME", "PWD", "_"];
    expect(Object.keys(exported).filter((name) => !known.includes(name))).toEqual([]);
    expect(exported["PLANE_ADMIN_PASSWORD"]).toBe("theirs");

    const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
    const calls = shell.readCalls().flatMap(([program, ...words]) => (program === "npm" ? [words] : []));
    const names = calls.map((words) => words.filter((word) => word !== "run" && !word.startsWith("-"))[0] ?? "");
    expect(names.length).toBeGreaterThan(15);
    expect(names.filter((name) => name !== "ci" && !(name in scripts))).toEqual([]);
  });

  test("that are lines of .env are valid settings", () => {
    const fill = (text: string) => parseEnv(text.replaceAll(/…/g, randomBytes(24).toString("hex")));
    const plane = fill(readShellBlock("README.md", "Connect Plane", 2)) as Record<string, string>;
    const telegram = fill(readShellBlock("README.md", "Connect Telegram")) as Record<string, string>;
    const settings = createTestSettings({ ...plane, ...telegram });
    expect(settings.plane?.workspace).toBe("javisi");
    expect(settings.telegram?.chat).toBe(-100_123_456_789);
    expect(settings.adminTokens).toEqual([plane["ADMIN_TOKEN"]]);
    const { GROUNDCREW_CONFIG_JSON = "", ...worker } = fill(readShellBlock("docs/workers.md", "Try it on a machine"));
    const env = { ...worker, GROUNDCREW_CONFIG: "groundcrew.json" } as Record<string, string>;
    expect(
      createTestSettings(env, { "groundcrew.json": GROUNDCREW_CONFIG_JSON }).agents.map(({ name }) => name),
    ).toEqual(["Thot"]);
  });

  test("that people write in Telegram are understood", async () => {
    const wake = { kind: "openclaw", url: "http://127.0.0.1:9" };
    const app = await createCommandsApp({ agents: { Concierge: { role: "concierge", wake } } });
    for (const name of ["Plan it", "Ask", "Draw it", "Write the mail"]) app.addTask(name, "Imhotep");
    await app.runFirstPoll();
    const lines = readShellBlock("docs/telegram.md", "Telegram").trim().split("\n");
    const replies: string[] = [];
    for (const line of lines) replies.push(await app.sendAndGetReply(line));
    expect(replies.map((reply) => reply.split("\n")[0])).toEqual([
      "📊 Status",
      "🆕 Created: ONB-5 Write the welcome mail",
      expect.stringContaining("Sent to Concierge for planning: add dark mode to the website"),
      "✅ Done: ONB-4 Write the mail",
    ]);
  });

  test("that create a bridge token keep it private and print the line of its hash", async () => {
    const { folder, run } = createShell();
    const line = await run(readShellBlock("docs/agents.md", "Configure an agent"));
    const token = readFileSync(join(folder, ".groundcrew/token"), "utf8").trim();
    expect(line).toBe(`AGENT_TOKEN_IMHOTEP=sha256:${createHash("sha256").update(token).digest("hex")}\n`);
  });

  test("that an agent works with claim, deliver and finish its task, over HTTP and on the command line", async () => {
    const app = await createHttpTestApp();
    app.addTask("Plan it", "Imhotep");
    const item = app.addTask("Write the report", "Imhotep");
    await app.runFirstPoll();
    await app.callTool("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
    const file = Buffer.from("# Plan\n").toString("base64");
    await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "plan.md", file });

    const { folder, run, write } = createShell();
    write("data/agents/imhotep/token", toBridgeToken("Imhotep"));
    write("report.pdf", "%PDF-1.7\n");
    write(".local/bin/README", "");
    const env = { GROUNDCREW_URL: app.url };
    const atApp = (text: string) => run(text.replaceAll("<workspace>", ".").replaceAll(ADDRESS, app.url), env);
    expect(await atApp(readShellBlock("docs/agents.md", "Agents"))).toContain("ONB-2");
    expect(JSON.parse(await atApp(readShellBlock("docs/agents.md", "HTTP")))).toMatchObject({ task: "ONB-2" });
    await app.callTool("Imhotep", "update_task_status", { task: "ONB-2", status: "in_progress" });
    expect(JSON.parse(await atApp(readShellBlock("docs/agents.md", "HTTP", 2)))).toMatchObject({ name: "report.pdf" });
    await atApp(readShellBlock("docs/agents.md", "Command line"));
    expect(readFileSync(join(folder, "plan.md"), "utf8")).toBe("# Plan\n");
    expect(app.readPlaneItem(item).state).toBe("Done");
  });

  test("that operators call the API with answer for a running product", async () => {
    const { url, store, polls } = await startTestRuntime();
    await store.commit({ jobs: ["one", "two"].map((id) => ({ id, queue: "forward", lane: id, body: {} })) });
    for (const job of await store.take("forward", 1000, 2)) await store.acknowledge(job, { dead: "answered 500" });
    const { run } = createShell();
    const atApp = (text: string) => run(text.replaceAll(ADDRESS, url), { ADMIN_TOKEN: RUNTIME_ADMIN_TOKEN });
    const answers = await atApp(readShellBlock("docs/http-api.md", "HTTP API"));
    expect(answers).toContain('"status":"healthy"');
    expect(answers).toContain('"name":"poll"');
    expect(polls).toContain("poll");
    const jobs = readShellBlock("docs/troubleshooting.md", "Failed jobs").replace("<id>", "one").replace("<id>", "two");
    expect(await atApp(jobs)).toMatch(/"id":"one".*"id":"two".*\{"ok":true\}.*\{"ok":true\}/s);
    expect(await atApp(readShellBlock("docs/troubleshooting.md", "Rate limits"))).toContain("plane");
  });

  test("of tickets add, judge, complete and update one", async () => {
    const app = await createTicketsApp({}, { env: { ALLOW_TEST_TICKETS: "1" } });
    const { run } = createShell();
    const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
    await run('groundcrew tickets add-test ONB-13 "Another"', env);
    const lines = readShellBlock("docs/tickets.md", "Commands").trim().split("\n");
    for (const line of lines) {
      const result = run(line.replace("<id>", "unknown"), env);
      // The session has asked nothing.
      if (line.includes(" answer ")) await expect(result).rejects.toMatchObject({ code: 1 });
      else await result;
      if (!line.includes(" approve ")) continue;
      await app.exchange();
      await app.exchange([createSession({ ticket: "ONB-12", name: "claude-ONB-12" })]);
    }
    expect(lines).toEqual(expect.arrayContaining(readShellBlock("docs/tickets.md", "Tickets").trim().split("\n")));
    expect((await app.read("/api/pending-tickets")).count).toBe(0);
  });
});

const CREW = {
  agents: [
    { name: "Concierge", email: "concierge@javisi.local", role: "concierge", wake: "openclaw" },
    { name: "Imhotep", email: "imhotep@javisi.local", about: "Builds and tests. Go, SQL.", wake: "openclaw" },
  ],
};

/** The values of all JSON blocks of a page. */
const readJsonBlocks = (path: string): unknown[] =>
  [...readFileSync(path, "utf8").matchAll(/```json\n(.*?)```/gs)].map(([, json = ""]) => JSON.parse(json));

/** OpenClaw's settings and the names in its environment, from a run of provision with the documented agents. */
async function runDocumentedProvision() {
  const setup = await createProvisionSetup({
    config: CREW,
    env: { PUBLIC_URL: "", OPENCLAW_URL: "http://127.0.0.1:18789" },
  });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  const secrets = [
    ["<OPENCLAW_HOOK_TOKEN>", setup.readSecrets()["OPENCLAW_HOOK_TOKEN"]],
    ...["Concierge", "Imhotep"].map((name) => [
      `<token of ${name}>`,
      setup.files.get(`data/agents/${name.toLowerCase()}/token`)?.text.trim(),
    ]),
  ];
  const read = (name: string) =>
    secrets.reduce(
      (text, [shown, secret]) => text.replaceAll(String(secret), String(shown)),
      setup.files.get(`data/openclaw/${name}`)?.text ?? "",
    );
  return {
    files: setup.files,
    current: JSON.parse(read("openclaw-2026.9.json")),
    old: JSON.parse(read("openclaw-2026.2.json")),
  };
}

test("docs/agents.md shows both sides of OpenClaw for two agents exactly as provision writes them, README Groundcrew's, with the commands that connect them", async () => {
  const { current, old } = await runDocumentedProvision();
  for (const path of ["README.md", "docs/agents.md"]) expect(readJsonBlocks(path), path).toContainEqual(CREW);
  for (const config of [current, old]) expect(readJsonBlocks("docs/agents.md")).toContainEqual(config);

  // The commands that connect an agent use the tokens that provision created.
  for (const path of ["README.md", "docs/agents.md"]) {
    const text = readFileSync(path, "utf8");
    expect(text, path).toContain('--header "Authorization: Bearer $(cat data/agents/imhotep/token)"');
    for (const option of ["OPENCLAW_URL", "tools.allow", "--agent imhotep"]) expect(text, path).toContain(option);
  }
});

test("the commands of README and docs/agents.md install what provision wrote, for Claude Code and OpenClaw", async () => {
  const { files } = await runDocumentedProvision();
  const { folder, run, write, readCalls } = createShell({ claude: "", openclaw: "", npm: "" });
  for (const [path, { text, mode }] of files) write(path, text, mode);
  write(".openclaw/openclaw.json", "{}");
  const read = (path: string) => readFileSync(join(folder, path), "utf8");
  await run(readShellBlock("README.md", "Connect an agent"));
  await run(readShellBlock("docs/agents.md", "Claude Code"));
  const token = read("data/agents/imhotep/token").trim();
  const calls = readCalls().map(([, ...words]) => words);
  expect(calls).toHaveLength(2);
  for (const words of calls) expect(words.slice(-2)).toEqual(["--header", `Authorization: Bearer ${token}`]);

  for (const block of [
    readShellBlock("README.md", "Connect an agent", 2),
    readShellBlock("docs/agents.md", "OpenClaw 2026.9"),
    readShellBlock("docs/agents.md", "OpenClaw 2026.2"),
  ])
    await run(block);
  expect(read(".openclaw/groundcrew.json")).toBe(read("data/openclaw/openclaw-2026.9.json"));
  expect(read(".openclaw/groundcrew.json")).toContain(token);
  expect(statSync(join(folder, ".openclaw/groundcrew.json")).mode & 0o777).toBe(0o600);
  expect(read(".openclaw/skills/plane-bridge/SKILL.md")).toBe(read("data/skill/plane-bridge/SKILL.md"));
  expect(read(".openclaw/workspace-imhotep/.groundcrew/token").trim()).toBe(token);
});
