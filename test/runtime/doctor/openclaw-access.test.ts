import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createOpenclawConfig } from "../../../functions/provision/files.ts";
import { runDoctor } from "../../../runtime/doctor/run-doctor.ts";
import { RUNTIME_ENV } from "../../support/test-runtime.ts";

const AGENTS = ["Concierge", "Imhotep", "Thot"].map((name) => ({
  name,
  email: `${name.toLowerCase()}@javisi.local`,
  wake: { kind: "none" as const },
}));
const TOKEN = "marked-secret-token-of-imhotep";
const findingsSchema = z.object({
  checks: z.array(z.object({ name: z.string(), status: z.string(), detail: z.string(), todo: z.string().optional() })),
});

/** OpenClaw's settings as provision writes them for these agents. */
const createProvisioned = () => createOpenclawConfig({ agents: AGENTS, address: "http://127.0.0.1:8787" });

/** Runs the doctor on OpenClaw's settings in these files, of which the first is the main one. */
async function examine(files: Record<string, string>, env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-access-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "home/.openclaw"), { recursive: true });
  const text = JSON.stringify({ agents: AGENTS });
  writeFileSync(join(folder, "crew.json"), text, { mode: 0o600 });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  let out = "";
  await runDoctor(["--json"], {
    env: {
      ...RUNTIME_ENV,
      AGENT_TOKEN_IMHOTEP: TOKEN,
      GROUNDCREW_CONFIG: join(folder, "crew.json"),
      SECRETS_FILE: join(folder, "secrets.json"),
      HOME: join(folder, "home"),
      OPENCLAW_CONFIG: join(folder, Object.keys(files)[0] ?? ""),
      ...env,
    },
    out: (part) => {
      out += part;
    },
    err: () => {},
  });
  const checks = findingsSchema.parse(JSON.parse(out)).checks.filter(({ name }) => name === "openclaw identities");
  return {
    out,
    folder,
    lines: checks.map(({ status, detail }) => `${status}: ${detail.replaceAll(`${folder}/`, "")}`),
    todo: checks[0]?.todo,
  };
}

test("The doctor accepts the settings of OpenClaw that provision writes", async () => {
  const { lines } = await examine({ "openclaw.json": JSON.stringify(createProvisioned()) });
  expect(lines).toEqual(["ok: 3 MCP entries; no agent can use another's (openclaw.json)"]);
});

test("The doctor names each agent that can use another agent's MCP entry, and says what to write", async () => {
  const config = createProvisioned();
  config.agents.entries["imhotep"] = { tools: { deny: ["groundcrew-thot__*"] } };
  const { lines, todo } = await examine({ "openclaw.json": JSON.stringify(config) });
  expect(lines).toEqual([
    "failed: agents can act under another agent's identity: imhotep can use groundcrew-concierge",
  ]);
  expect(todo).toContain('tools.deny: ["groundcrew-<other>__*", …]');
  expect(todo).toContain("openclaw/openclaw-2026.9.json");
});

test("The doctor names agents that share one MCP entry, and so one identity", async () => {
  const config = { ...createProvisioned(), agents: { entries: { concierge: {}, imhotep: {}, thot: {} } } };
  config.mcp.servers = { plane: config.mcp.servers["groundcrew-imhotep"] };
  const { lines } = await examine({ "openclaw.json": JSON.stringify(config) });
  expect(lines).toEqual([
    "failed: agents can act under another agent's identity: concierge can use plane; thot can use plane",
  ]);
});

test("The doctor names an agent of OpenClaw that is none of Groundcrew's, but can use an entry", async () => {
  const config = createProvisioned();
  const { lines } = await examine({
    "openclaw.json": JSON.stringify({
      ...config,
      agents: { ...config.agents, list: [{ id: "main", tools: { deny: ["groundcrew-*"] } }, { id: "guest" }] },
    }),
  });
  expect(lines).toEqual([
    "failed: agents can act under another agent's identity: guest can use groundcrew-concierge, groundcrew-imhotep, groundcrew-thot",
  ]);
});

test.each([
  ["a deny list of the gateway", { tools: { deny: ["GROUNDCREW-thot__*"] } }, []],
  ["an allow list without the entry", {}, ["groundcrew-imhotep__*", "exec"]],
])("The doctor takes %s into account", async (_, gateway, allow) => {
  const config = createProvisioned();
  config.agents.entries["thot"] = { tools: { deny: ["groundcrew-*"] } };
  const tools = { deny: ["groundcrew-concierge__*"], ...(allow.length > 0 ? { allow } : {}) };
  config.agents.entries["imhotep"] = { tools };
  const { lines } = await examine({ "openclaw.json": JSON.stringify({ ...config, ...gateway }) });
  expect(lines).toEqual([expect.stringMatching(/^warning: no agent can use another's entry, but .* own: .*thot/)]);
});

test("A deny entry for a single tool leaves the others of that server within reach", async () => {
  const config = createProvisioned();
  config.agents.entries["thot"] = { tools: { deny: ["groundcrew-concierge__*", "groundcrew-imhotep__claim_task"] } };
  expect((await examine({ "openclaw.json": JSON.stringify(config) })).lines[0]).toContain(
    "thot can use groundcrew-imhotep",
  );
});

test("The doctor reads comments, keys without quotes, trailing commas and included files, as OpenClaw does", async () => {
  const main = `// Ours.
    { $include: ['./groundcrew.json'], /* Imhotep
      may do it all */ agents: { entries: { guest: { tools: { allow: [ "exec", ], }, }, }, }, gateway: { port: 0x4965 }, }`;
  const files = { "openclaw.json": main, "groundcrew.json": JSON.stringify(createProvisioned()) };
  expect((await examine(files)).lines).toEqual(["ok: 3 MCP entries; no agent can use another's (openclaw.json)"]);
  const open = { ...files, "openclaw.json": main.replace("allow:", "profile_of:") };
  expect((await examine(open)).lines[0]).toContain("guest can use groundcrew-concierge");
});

test("The doctor tells whose token an entry holds, and warns about the token in the settings without showing it", async () => {
  const config = createProvisioned();
  config.mcp.servers = {
    crew: { url: "http://127.0.0.1:8787/mcp", transport: "", headers: { Authorization: `Bearer ${TOKEN}` } },
  };
  config.agents.entries = { thot: { tools: { deny: [] } } };
  const { lines, out } = await examine({ "groundcrew.json5": JSON.stringify(config) });
  expect(lines).toEqual([
    "failed: agents can act under another agent's identity: thot can use crew",
    "warning: a token stands in OpenClaw's settings itself: crew",
  ]);
  expect(out).not.toContain("marked-secret");
});

test.each([
  [
    "a missing file",
    {},
    { OPENCLAW_CONFIG: "/nonexistent/openclaw.json" },
    "/nonexistent/openclaw.json does not exist",
  ],
  ["text that is not JSON5", { "openclaw.json": `{ token: "marked-secret` }, {}, "it is not valid JSON5"],
  ["files that include each other", { "a.json": `{ $include: "./a.json" }` }, {}, "too many files include each other"],
  ["another kind of file", { "openclaw.json": `[1]` }, {}, "is not a settings file of OpenClaw"],
])("The doctor reports %s as OPENCLAW_CONFIG", async (_, files: Record<string, string>, env, finding) => {
  const { lines, out } = await examine(files, env);
  expect(lines).toEqual([expect.stringMatching(/^failed: /)]);
  expect(lines[0]).toContain(finding);
  expect(out).not.toContain("marked-secret");
});

test("The doctor finds OpenClaw's settings where OpenClaw would, and says nothing where there are none", async () => {
  expect((await examine({}, { OPENCLAW_CONFIG: "" })).lines).toEqual([]);
  const files = { "home/.openclaw/openclaw.json": JSON.stringify(createProvisioned()) };
  expect((await examine(files, { OPENCLAW_CONFIG: "" })).lines).toEqual([
    "ok: 3 MCP entries; no agent can use another's (home/.openclaw/openclaw.json)",
  ]);
});
