import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createProvisionSetup } from "../functions/provision/provision-setup.ts";
import { readShellBlock } from "./document-blocks.ts";
import { createShell } from "./shell.ts";

const CREW = {
  agents: [
    { name: "Concierge", email: "concierge@javisi.local", role: "concierge", wake: "openclaw" },
    {
      name: "Imhotep",
      email: "imhotep@javisi.local",
      about: "Builds and tests. Go, SQL.",
      wake: "openclaw",
    },
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

test("docs/agents.md shows both sides of OpenClaw for two agents exactly as provision writes them, README Groundcrew's", async () => {
  const { current, old } = await runDocumentedProvision();
  for (const path of ["README.md", "docs/agents.md"]) expect(readJsonBlocks(path), path).toContainEqual(CREW);
  for (const config of [current, old]) expect(readJsonBlocks("docs/agents.md")).toContainEqual(config);
});

test("the commands of README and docs/agents.md that connect an agent use the tokens that provision created", () => {
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
