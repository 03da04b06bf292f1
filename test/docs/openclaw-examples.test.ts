import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createProvisionSetup } from "../functions/provision/provision-setup.ts";

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
  const read = (name: string) => setup.files.get(`data/openclaw/${name}`)?.text ?? "";
  return {
    current: JSON.parse(read("openclaw-2026.9.json")),
    old: JSON.parse(read("openclaw-2026.2.json")),
    names: read("openclaw.env").replace(/=.*$/gm, "").trim().split("\n"),
  };
}

test("README and docs/agents.md show both sides of OpenClaw for two agents exactly as provision writes them", async () => {
  const { current, old, names } = await runDocumentedProvision();
  for (const path of ["README.md", "docs/agents.md"]) {
    expect(readJsonBlocks(path), path).toContainEqual(CREW);
    expect(readJsonBlocks(path), path).toContainEqual(current);
  }
  expect(readJsonBlocks("docs/agents.md")).toContainEqual(old);
  expect(names).toEqual(["OPENCLAW_HOOK_TOKEN", "GROUNDCREW_TOKEN_CONCIERGE", "GROUNDCREW_TOKEN_IMHOTEP"]);
});

test("the commands of README and docs/agents.md that connect an agent use the tokens that provision created", () => {
  for (const path of ["README.md", "docs/agents.md"]) {
    const text = readFileSync(path, "utf8");
    expect(text, path).toContain('--header "Authorization: Bearer $(cat data/agents/imhotep/token)"');
    expect(text, path).toContain("(umask 077 && cat data/openclaw/openclaw.env >> ~/.openclaw/.env)");
    for (const option of ["OPENCLAW_URL", "GROUNDCREW_URL", "allowedAgentIds", "tools.deny", "--agent imhotep"])
      expect(text, path).toContain(option);
  }
});
