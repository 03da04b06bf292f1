import { expect, test } from "vitest";
import { z } from "zod";
import { sha256Hex } from "../../../shared/hashing.ts";
import { createProvisioned, createProvisionSetup, type ProvisionSetup } from "./provision-setup.ts";

const FILES = ["openclaw-2026.9.json", "openclaw-2026.9-list.json", "openclaw-2026.2.json"].map(
  (name) => `data/openclaw/${name}`,
);
const [CURRENT = "", LIST = "", OLD = ""] = FILES;
const OPENCLAW = { OPENCLAW_URL: "http://openclaw:18789" };
const TEN = ["concierge", "imhotep", "thot", "basquiat", "r2d2", "shuri", "piccolo", "cfo", "maintainer", "hermes"];

const profileSchema = z.strictObject({
  tools: z.looseObject({ allow: z.array(z.string()), fs: z.strictObject({ workspaceOnly: z.literal(true) }) }),
  sandbox: z.record(z.string(), z.string()).optional(),
});

const currentSchema = z.object({
  hooks: z.object({
    enabled: z.literal(true),
    token: z.string(),
    allowedAgentIds: z.array(z.string()),
    mappings: z.array(z.looseObject({ match: z.strictObject({ path: z.string(), source: z.string() }) })),
  }),
  tools: z.strictObject({ toolSearch: z.literal(false) }),
  skills: z.object({ entries: z.record(z.string(), z.looseObject({ env: z.record(z.string(), z.string()) })) }),
  mcp: z.object({
    servers: z.record(
      z.string(),
      z.strictObject({
        url: z.string(),
        transport: z.string(),
        headers: z.strictObject({ Authorization: z.string() }),
      }),
    ),
  }),
  agents: z.object({ ownership: z.literal("explicit"), entries: z.record(z.string(), profileSchema) }),
});

const readText = (setup: ProvisionSetup, path: string) => setup.files.get(path)?.text ?? "";
const readCurrent = (setup: ProvisionSetup, path = CURRENT) => currentSchema.parse(JSON.parse(readText(setup, path)));

test("AGENT-01 provision writes a closed profile for each of the ten agents, with its own tools and the files of its workspace, and its token there and nowhere else", async () => {
  const setup = await createProvisionSetup({ config: null, env: OPENCLAW });
  expect((await setup.provisionWithReport()).failed).toEqual([]);
  const { mcp, agents, hooks, skills } = readCurrent(setup);
  expect(Object.keys(mcp.servers)).toEqual(TEN.map((id) => `groundcrew-${id}`));
  expect(mcp.servers["groundcrew-imhotep"]).toMatchObject({
    url: "https://crew.example.com/mcp",
    transport: "streamable-http",
  });
  expect(Object.keys(agents.entries)).toEqual(TEN);
  for (const id of TEN)
    expect(agents.entries[id], id).toEqual({
      tools: {
        allow: [`groundcrew-${id}__*`, "read", "write", "edit"],
        deny: ["apply_patch"],
        fs: { workspaceOnly: true },
      },
    });
  expect(hooks).toMatchObject({ enabled: true, allowedAgentIds: TEN });
  expect(skills.entries["plane-bridge"]?.env).toEqual({ GROUNDCREW_URL: "https://crew.example.com" });

  for (const path of FILES) expect(setup.files.get(path)?.mode, path).toBe(0o600);
  expect([...setup.files.keys()].filter((path) => path.startsWith("data/openclaw/"))).toEqual(FILES);
  const secrets = setup.readSecrets();
  expect(hooks.token).toBe(secrets["OPENCLAW_HOOK_TOKEN"]);
  for (const id of TEN) {
    const token = readText(setup, `data/agents/${id}/token`).trim();
    expect(mcp.servers[`groundcrew-${id}`]?.headers.Authorization).toBe(`Bearer ${token}`);
    for (const path of [CURRENT, LIST]) expect(readText(setup, path).split(token), path).toHaveLength(2);
    expect(readText(setup, OLD)).not.toContain(token);
    expect(secrets[`AGENT_TOKEN_${id.toUpperCase()}`]).toBe(`sha256:${await sha256Hex(token)}`);
  }
});

test("AGENT-01 an agent with a shell runs in a sandbox of its own, or alone in a gateway whose files have its token only", async () => {
  const own = { kind: "openclaw", url: "http://own:18789" };
  const config = {
    agents: [
      { name: "Concierge", email: "concierge@javisi.local", role: "concierge", wake: "openclaw" },
      { name: "Thot", email: "thot@javisi.local", wake: "openclaw", shell: true },
      { name: "R2D2", email: "r2d2@javisi.local", wake: own, shell: true },
    ],
  };
  const setup = await createProvisioned({ config, env: OPENCLAW });
  const { agents, mcp } = readCurrent(setup);
  expect(Object.keys(mcp.servers)).toEqual(["groundcrew-concierge", "groundcrew-thot"]);
  const allow = ["groundcrew-thot__*", "read", "write", "edit", "exec", "process"];
  expect(agents.entries["thot"]).toEqual({
    tools: { allow, deny: ["apply_patch"], fs: { workspaceOnly: true }, sandbox: { tools: { allow } } },
    sandbox: { mode: "all", scope: "agent", workspaceAccess: "rw" },
  });
  const alone = readCurrent(setup, "data/openclaw/r2d2/openclaw-2026.9.json");
  expect(Object.keys(alone.mcp.servers)).toEqual(["groundcrew-r2d2"]);
  expect(alone.agents.entries).toEqual({
    r2d2: {
      tools: {
        allow: ["groundcrew-r2d2__*", ...allow.slice(1)],
        deny: ["apply_patch"],
        fs: { workspaceOnly: true },
      },
    },
  });
});
