import { mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { createOpenclawFiles } from "../../../functions/provision/openclaw-settings.ts";
import { createTestFolder, writeFiles, writeScripts } from "../../support/test-folder.ts";
import { RUNTIME_ENV } from "../../support/test-runtime.ts";
import {
  createAnsweringScript,
  createOpenClawMachine,
  formatFindings,
  parseFindings,
  readRecordedInfo,
  readRecordedMcp,
  runDoctorHere,
} from "./openclaw-machine.ts";

const AGENTS = ["Concierge", "Imhotep", "Thot"].map((name) => ({
  name,
  email: `${name.toLowerCase()}@javisi.local`,
  wake: { kind: "none" as const },
  shell: false,
}));
const TOKEN = "marked-secret-token-of-imhotep";

const provisionedSchema = z.looseObject({
  agents: z.object({ entries: z.record(z.string(), z.looseObject({ tools: z.record(z.string(), z.unknown()) })) }),
});

const FILE = "openclaw.json";

/** OpenClaw's settings as provision writes them for these agents. */
function createProvisioned(name = "openclaw-2026.9.json") {
  const tokens = new Map(AGENTS.map((agent) => [agent.name, TOKEN.replace("imhotep", agent.name.toLowerCase())]));
  const team = { agents: AGENTS, address: "http://127.0.0.1:8787", tokens, hookToken: undefined };
  return provisionedSchema.parse(createOpenclawFiles(team, undefined).get(name));
}

/** The same with changed tools of one agent. */
function loosen(id: string, tools: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const config = createProvisioned();
  const entry = config.agents.entries[id] ?? { tools: {} };
  config.agents.entries[id] = { ...entry, tools: { ...entry.tools, ...tools }, ...more };
  return config;
}

const CLOSED = [
  "ok: 3 MCP entries; no agent can use another's (openclaw.json)",
  "ok: by their settings the agents reach nothing else; the gateway was not asked",
];

/** Runs the doctor on OpenClaw's settings, or without its file, and with this script as OpenClaw's command. */
async function examine(config: object | undefined, openclaw?: string) {
  const files = config === undefined ? {} : { [FILE]: config };
  const folder = createTestFolder("access");
  mkdirSync(join(folder, "home/.openclaw"), { recursive: true });
  writeFiles(folder, { "crew.json": { agents: AGENTS }, ...files });
  if (openclaw !== undefined) writeScripts(join(folder, "bin"), { openclaw });
  const paths = { GROUNDCREW_CONFIG: "crew.json", SECRETS_FILE: "secrets.json", HOME: "home", OPENCLAW_CONFIG: FILE };
  const { out } = await runDoctorHere(
    {
      ...{ ...RUNTIME_ENV, AGENT_TOKEN_IMHOTEP: TOKEN, PATH: `${join(folder, "bin")}:/usr/bin:/bin` },
      ...Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, join(folder, path)])),
    },
    "--json",
  );
  const checks = parseFindings(out).filter(({ name }) => name === "openclaw identities");
  const lines = checks.map(({ status, detail }) => `${status}: ${detail.replaceAll(`${folder}/`, "")}`);
  return { out, lines, todo: checks[0]?.todo };
}

test("AGENT-01 the doctor accepts the settings of OpenClaw that provision writes, in both forms", async () => {
  expect((await examine(createProvisioned())).lines).toEqual(CLOSED);
  const { agents: _, ...list } = createProvisioned();
  const listed = Object.entries(createProvisioned().agents.entries).map(([id, entry]) => ({ id, ...entry }));
  expect((await examine({ ...list, agents: { list: listed } })).lines).toEqual(CLOSED);
});

test("The doctor names each agent that can use another agent's MCP entry, and says what to write", async () => {
  const config = loosen("imhotep", { allow: ["groundcrew-imhotep__*", "groundcrew-con*", "read"] });
  const { lines, todo } = await examine(config);
  expect(lines).toEqual([
    "failed: agents can act under another agent's identity: imhotep can use groundcrew-concierge",
    CLOSED[1],
  ]);
  expect(todo).toContain('tools.allow: ["groundcrew-<id>__*", …]');
  expect(todo).toContain("openclaw/openclaw-2026.9.json");
});

const own = (...tools: string[]) => ({ allow: ["groundcrew-imhotep__*", "read", ...tools] });

/** A loosened profile of Imhotep, and what he then reaches. */
const LOOSENED: [what: string, tools: Record<string, unknown>, more: Record<string, unknown>, reach: string][] = [
  ["a shell", own("exec"), {}, "the tokens of other agents (exec)"],
  ["a shell in a shared sandbox", own("exec"), { sandbox: { mode: "all", scope: "shared" } }, "tokens of other agents"],
  [
    "files of the whole machine",
    { fs: { workspaceOnly: false } },
    {},
    "files outside its workspace (read, write, edit)",
  ],
  ["the gateway", own("gateway"), {}, "the gateway's settings (gateway)"],
  ["messages to sessions", own("sessions_send"), {}, "other agents' sessions (sessions_send)"],
  ["a group", own("group:automation"), {}, "the gateway's settings (gateway, openclaw, plugins)"],
  ["a pattern", own("sess*"), {}, "sessions_send, sessions_spawn"],
  ["all tools", own("*"), {}, "the tokens of other agents (exec, process, bash, code_execution)"],
  ["a profile and no list", { allow: undefined, profile: "coding" }, {}, "(exec, process, bash, code_execution)"],
];

test.each(LOOSENED)("AGENT-01 the doctor fails where an agent has %s", async (_, tools, more, reach) => {
  const { lines } = await examine(loosen("imhotep", tools, more));
  const line = lines.find((text) => text.startsWith("failed: agents can reach what is not theirs"));
  expect(line).toContain("imhotep: ");
  expect(line).toContain(reach);
  expect(line).not.toContain("concierge: ");
});

test.each([
  ["commands in a sandbox of its own", own("exec"), { sandbox: { mode: "all" } }],
  ["a denied group", { allow: ["groundcrew-imhotep__*", "group:fs", "exec"], deny: ["EXEC"] }, {}],
])("The doctor accepts an agent with %s", async (_, tools, more) => {
  const { lines } = await examine(loosen("imhotep", tools, more));
  expect(lines).toEqual(CLOSED);
});

/** The gateway's answers: the key of an agent's latest session, and the tools that it offers in that. */
const offer = (...tools: string[]) =>
  `case "$3 $6" in
sessions.list*) for id in concierge imhotep thot; do
  case "$6" in *'"'$id'"'*) echo '{"sessions":[{"key":"agent:'$id':cron:1"}]}';; esac
done;;
tools.effective*:cron:1*) cat <<'EOF'
${JSON.stringify({ groups: [{ tools: tools.map((id) => ({ id })) }] })}
EOF
;;
*) exit 1;;
esac`;

test("AGENT-01 the doctor asks the gateway which tools it offers each agent, and fails where its settings do not tell", async () => {
  const ask = async (gateway: string) => (await examine(createProvisioned(), gateway)).lines[1];
  expect(await ask(offer("read", "edit"))).toBe("ok: the gateway offers no agent more than its own tools");
  const foreign = "concierge: the tools of groundcrew-imhotep; thot: the tools of groundcrew-imhotep";
  expect(await ask(offer("read", "groundcrew-imhotep__claim_task"))).toContain(foreign);
  const all = offer("read", "exec", "sessions_send");
  expect(await ask(`case "$*" in *thot*) ${all};; esac`)).toContain("the gateway was not asked");
  const reached = "failed: agents can reach what is not theirs: concierge: the tokens of other agents (exec)";
  expect(await ask(all)).toContain(reached);
});

test("The doctor names an agent of OpenClaw that is none of Groundcrew's, but can use an entry", async () => {
  const config = createProvisioned();
  config.agents.entries["guest"] = { tools: {} };
  const { lines } = await examine(config);
  const entries = "groundcrew-concierge, groundcrew-imhotep, groundcrew-thot";
  expect(lines[0]).toBe(`failed: agents can act under another agent's identity: guest can use ${entries}`);
});

test("The doctor reports a missing file as OPENCLAW_CONFIG", async () => {
  const { lines, out } = await examine(undefined);
  expect(lines).toEqual([expect.stringMatching(/^failed: .*openclaw\.json does not exist/)]);
  expect(out).not.toContain("marked-secret");
});

const createSkillMachine = (change: Record<string, unknown> = {}) =>
  createOpenClawMachine(createAnsweringScript({ ...readRecordedInfo("2026.9.6"), ...change }));

const MISSING = { bins: ["curl"], anyBins: [], env: ["GROUNDCREW_TOKEN"], config: [], os: [] };

test.each<[string, Record<string, unknown>, RegExp]>([
  ["accepts a loaded skill", {}, /^ok: .*loaded and eligible/],
  [
    "fails for missing requirements, and lists them",
    { eligible: false, missing: MISSING },
    /^failed: .*not eligible; missing: curl \(bins\), GROUNDCREW_TOKEN \(env\).* → .*needs only curl/,
  ],
  [
    "fails for a disabled skill",
    { eligible: false, disabled: true },
    /^failed: .*the skill is disabled.* → Set skills\.entries\.plane-bridge\.enabled/,
  ],
])("The doctor %s of openclaw on this machine", async (_, change, finding) => {
  expect(formatFindings(await createSkillMachine(change).checkSkill())).toMatch(finding);
});

const cliError = (message: string) =>
  createAnsweringScript({ ok: false, error: { type: "cli_error", message }, skill: "plane-bridge" }, "exit 1");
const NOT_FOUND = cliError('Skill "plane-bridge" not found.');

test("The doctor passes OpenClaw's own settings to the command, but no secret and not our folder", async () => {
  const machine = createOpenClawMachine();
  const openclaw = createOpenClawMachine(`env > "${machine.callLog}"; pwd >> "${machine.callLog}"; exit 1`);
  const secrets = {
    PLANE_API_KEY: "marked-secret-1",
    AGENT_TOKEN_IMHOTEP: "marked-secret-2",
    TELEGRAM_BOT_TOKEN: "marked-secret-3",
    OPENCLAW_GATEWAY_TOKEN: "marked-secret-4",
    NODE_OPTIONS: "--marked-secret-5",
  };
  Object.assign(openclaw.env, secrets, { OPENCLAW_STATE_DIR: "/srv/claw", OPENCLAW_CONFIG_PATH: "/srv/claw.json" });
  await openclaw.checkSkill();
  const environment = machine.readCalls();
  expect(environment.join("\n")).not.toContain("marked-secret");
  for (const line of [`HOME=${openclaw.home}`, "OPENCLAW_STATE_DIR=/srv/claw", "OPENCLAW_CONFIG_PATH=/srv/claw.json"])
    expect(environment).toContain(line);
  expect(environment.at(-1)).toBe("/");
});

test("The doctor runs openclaw without a shell, takes no option for an agent id, and runs nothing from the working directory", async () => {
  const machine = createOpenClawMachine();
  const openclaw = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"; exit 1`);
  const names = ["$(id); x", "--help"].map((agent, i) => ({ name: `A${i}`, agent }));
  await openclaw.checkSkill(names);
  expect(machine.readCalls()).toEqual([
    "skills info plane-bridge --json --agent id-x",
    "skills info plane-bridge --json --agent help",
  ]);
  openclaw.env["PATH"] = `${relative(process.cwd(), join(openclaw.root, "bin"))}:.:`;
  expect(formatFindings(await openclaw.checkSkill())).toMatch(/^warning: not checked/);
});

/** An OpenClaw 2026.9 with these answers about the skill and about its MCP entries. */
const createMcpMachine = (skill: string, mcp: unknown) =>
  createOpenClawMachine(`if [ "$1" = mcp ]; then ${createAnsweringScript(mcp)}\nexit 0; fi\n${skill}`);
const DISABLED = createAnsweringScript({ ...readRecordedInfo("2026.9.6"), eligible: false, disabled: true });
const NOT_NEEDED = /^ok: Imhotep: OpenClaw does not find the skill plane-bridge, but does not need it: its MCP entry /;

test.each<[string, string, unknown, RegExp]>([
  ["an entry", NOT_FOUND, readRecordedMcp(), NOT_NEEDED],
  [
    "an entry beside a disabled skill",
    DISABLED,
    readRecordedMcp(),
    /^warning: Imhotep: the skill is disabled; the tools are available over MCP \(entry groundcrew\) → Set skills/,
  ],
])("The doctor looks for Groundcrew among the MCP entries of OpenClaw 2026.9: %s", async (_, skill, mcp, finding) => {
  expect(formatFindings(await createMcpMachine(skill, mcp).checkSkill())).toMatch(finding);
});
