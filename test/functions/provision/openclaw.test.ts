import { parseEnv } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { sha256Hex } from "../../../shared/hashing.ts";
import { createProvisionSetup, type ProvisionSetup } from "./provision-setup.ts";

const CURRENT = "data/openclaw/openclaw-2026.9.json";
const OLD = "data/openclaw/openclaw-2026.2.json";
const ENVIRONMENT = "data/openclaw/openclaw.env";
const OPENCLAW = { OPENCLAW_URL: "http://openclaw:18789" };
const TEN = ["concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes"];

const currentSchema = z.object({
  hooks: z.object({ enabled: z.literal(true), token: z.string(), allowedAgentIds: z.array(z.string()) }),
  skills: z.object({ entries: z.record(z.string(), z.object({ env: z.record(z.string(), z.string()) })) }),
  mcp: z.object({
    servers: z.record(
      z.string(),
      z.strictObject({ url: z.string(), transport: z.string(), headers: z.record(z.string(), z.string()) }),
    ),
  }),
  agents: z.object({
    ownership: z.literal("explicit"),
    entries: z.record(z.string(), z.object({ tools: z.object({ deny: z.array(z.string()) }) })),
  }),
});

const readText = (setup: ProvisionSetup, path: string) => setup.files.get(path)?.text ?? "";
const readCurrent = (setup: ProvisionSetup) => currentSchema.parse(JSON.parse(readText(setup, CURRENT)));
const readEnvironment = (setup: ProvisionSetup) =>
  Object.fromEntries(
    readText(setup, ENVIRONMENT)
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2)),
  );

/** Ten default agents, woken through OpenClaw. */
async function createTeam() {
  const setup = await createProvisionSetup({ config: null, env: OPENCLAW });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  return setup;
}

test("provision writes OpenClaw's settings for the ten agents: an MCP entry each, with the entries of all others denied", async () => {
  const setup = await createTeam();
  const { mcp, agents, hooks, skills } = readCurrent(setup);
  expect(Object.keys(mcp.servers)).toEqual(TEN.map((id) => `groundcrew-${id}`));
  expect(mcp.servers["groundcrew-imhotep"]).toEqual({
    url: "https://crew.example.com/mcp",
    transport: "streamable-http",
    headers: { Authorization: `Bearer \${GROUNDCREW_TOKEN_IMHOTEP}` },
  });
  expect(Object.keys(agents.entries)).toEqual(TEN);
  for (const id of TEN)
    expect(agents.entries[id]?.tools.deny, id).toEqual(
      TEN.filter((other) => other !== id).map((other) => `groundcrew-${other}__*`),
    );
  expect(hooks).toEqual({ enabled: true, token: `\${OPENCLAW_HOOK_TOKEN}`, allowedAgentIds: TEN });
  expect(skills.entries["plane-bridge"]?.env).toEqual({ GROUNDCREW_URL: "https://crew.example.com" });
  // 2026.2 has a list of agents and refuses mcp.
  const old = JSON.parse(readText(setup, OLD));
  expect(Object.keys(old)).toEqual(["hooks", "skills", "agents"]);
  expect(old.agents).toEqual({ list: TEN.map((id) => (id === "concierge" ? { id, default: true } : { id })) });
});

test("OpenClaw's tokens are in one file of mode 0600: the agents' own, and the hook token that Groundcrew wakes with", async () => {
  const setup = await createTeam();
  for (const path of [CURRENT, OLD, ENVIRONMENT]) expect(setup.files.get(path)?.mode, path).toBe(0o600);
  const { OPENCLAW_HOOK_TOKEN, ...tokens } = readEnvironment(setup);
  const secrets = setup.readSecrets();
  expect(OPENCLAW_HOOK_TOKEN).toBe(secrets["OPENCLAW_HOOK_TOKEN"]);
  expect(Object.keys(tokens)).toEqual(TEN.map((id) => `GROUNDCREW_TOKEN_${id.toUpperCase()}`));
  for (const id of TEN) {
    const token = String(tokens[`GROUNDCREW_TOKEN_${id.toUpperCase()}`]);
    expect(token).toBe(readText(setup, `data/agents/${id}/token`).trim());
    expect(secrets[`AGENT_TOKEN_${id.toUpperCase()}`]).toBe(`sha256:${await sha256Hex(token)}`);
  }
  // Secrets of these tests are marked, so any of them would be found.
  expect(readText(setup, CURRENT) + readText(setup, OLD)).not.toMatch(/marked-Secret/);
});

test("PROV-04 a second run leaves OpenClaw's files unchanged, and --dry-run writes none", async () => {
  const planned = await createProvisionSetup({ config: null, env: OPENCLAW });
  const { detail } = await planned.provisionWithReport(["--dry-run"]);
  expect(detail("openclaw")).toBe(`${CURRENT}; ${OLD}; ${ENVIRONMENT}`);
  expect([...planned.files.keys()]).toEqual([]);
  const setup = await createTeam();
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0, failed: [] });
});

test("without OpenClaw provision makes no hook token, and its settings wake no agent", async () => {
  const setup = await createProvisionSetup();
  expect((await setup.provisionWithReport()).detail("openclaw hook token")).toContain("not needed");
  expect(setup.readSecrets()).not.toHaveProperty("OPENCLAW_HOOK_TOKEN");
  expect(JSON.parse(readText(setup, CURRENT))).not.toHaveProperty("hooks");
  expect(readText(setup, ENVIRONMENT)).toMatch(/^GROUNDCREW_TOKEN_CONCIERGE=/);
});

test.each([
  ["chosen#by-the-operator", "'chosen#by-the-operator'"],
  ["it's#chosen-by-the-operator", '"it\'s#chosen-by-the-operator"'],
])(
  "a given hook token is used as it is, in quotes where dotenv would cut it: %s",
  async (OPENCLAW_HOOK_TOKEN, quoted) => {
    const setup = await createProvisionSetup({ config: null, env: { ...OPENCLAW, OPENCLAW_HOOK_TOKEN } });
    await setup.provision();
    const text = readText(setup, ENVIRONMENT);
    expect(text).toContain(`OPENCLAW_HOOK_TOKEN=${quoted}\n`);
    expect(parseEnv(text)["OPENCLAW_HOOK_TOKEN"]).toBe(OPENCLAW_HOOK_TOKEN);
    expect(setup.readSecrets()).not.toHaveProperty("OPENCLAW_HOOK_TOKEN");
  },
);

test("an agent's id in OpenClaw comes from its wake setting, and names with other characters get an entry of their own", async () => {
  const config = {
    agents: [
      { name: "Concierge", email: "concierge@javisi.local", role: "concierge" },
      { name: "Dr. No", email: "no@javisi.local", wake: { kind: "openclaw", agent: "no" } },
    ],
  };
  const setup = await createProvisionSetup({ config, env: OPENCLAW });
  await setup.provision();
  const { agents, mcp, hooks } = readCurrent(setup);
  expect(hooks.allowedAgentIds).toEqual(["no"]);
  expect(agents.entries["no"]?.tools.deny).toEqual(["groundcrew-concierge__*"]);
  expect(agents.entries["concierge"]?.tools.deny).toEqual(["groundcrew-dr--no__*"]);
  expect(mcp.servers["groundcrew-dr--no"]?.headers).toEqual({ Authorization: `Bearer \${GROUNDCREW_TOKEN_DR__NO}` });
});

test("a token that is known only as a hash in the environment is named, because OpenClaw needs the token itself", async () => {
  const AGENT_TOKEN_THOT = `sha256:${await sha256Hex("known-elsewhere-only")}`;
  const setup = await createProvisionSetup({ env: { AGENT_TOKEN_THOT } });
  expect((await setup.provisionWithReport()).detail("openclaw")).toContain(
    "set in OpenClaw's environment yourself: GROUNDCREW_TOKEN_THOT",
  );
  expect(readText(setup, ENVIRONMENT)).not.toContain("THOT");
});

test("AUTH-04 a rotated bridge token replaces the old one in OpenClaw's environment file", async () => {
  const setup = await createTeam();
  const before = readEnvironment(setup);
  await setup.provision(["--yes", "--rotate", "imhotep"]);
  const after = readEnvironment(setup);
  expect(after["GROUNDCREW_TOKEN_IMHOTEP"]).not.toBe(before["GROUNDCREW_TOKEN_IMHOTEP"]);
  expect(after["GROUNDCREW_TOKEN_IMHOTEP"]).toBe(readText(setup, "data/agents/imhotep/token").trim());
  expect({ ...after, GROUNDCREW_TOKEN_IMHOTEP: "" }).toEqual({ ...before, GROUNDCREW_TOKEN_IMHOTEP: "" });
  expect(await setup.provisionWithReport()).toMatchObject({ changed: 0 });
});
