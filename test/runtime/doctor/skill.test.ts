import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import {
  createAnsweringScript,
  createOpenClawMachine,
  formatFindings,
  readRecordedInfo,
  readRecordedMcp,
} from "./openclaw-machine.ts";

type Machine = ReturnType<typeof createOpenClawMachine>;

const writeSkill = (text: string) => (machine: Machine) => machine.put(machine.skillPath, text);

test.each<[string, (machine: Machine) => unknown, RegExp]>([
  [
    "no file",
    (machine) => machine.put(join(machine.home, ".openclaw/openclaw.json"), "{}"),
    /^warning: .*SKILL\.md does not exist, .* → Copy skills\/plane-bridge\/SKILL\.md .*Run where OpenClaw runs: /,
  ],
  [
    "another text",
    writeSkill("---\r\nname: plane-bridge\r\ndescription: 'Work: from Plane'\r\n---\r\n"),
    /^warning: .*differs from the skill of this version/,
  ],
])("Without an openclaw command, the doctor reads the skill's file: %s", async (_, prepare, finding) => {
  const machine = createOpenClawMachine();
  prepare(machine);
  expect(formatFindings(await machine.checkSkill())).toMatch(finding);
});

const createSkillMachine = (change: Record<string, unknown> = {}) =>
  createOpenClawMachine(createAnsweringScript({ ...readRecordedInfo("2026.9.6"), ...change }));

const MISSING = { bins: ["curl"], anyBins: [], env: ["GROUNDCREW_TOKEN"], config: [], os: [] };

describe("With openclaw on this machine, the doctor", () => {
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
  ])("%s", async (_, change, finding) => {
    expect(formatFindings(await createSkillMachine(change).checkSkill())).toMatch(finding);
  });
});

const cliError = (message: string) =>
  createAnsweringScript({ ok: false, error: { type: "cli_error", message }, skill: "plane-bridge" }, "exit 1");
const NOT_FOUND = cliError('Skill "plane-bridge" not found.');
const failedCommand = (why: string) =>
  `warning: Imhotep: OpenClaw's command failed: ${why} → Run it by hand: \`openclaw skills info plane-bridge --json\`.`;

test.each([
  ["nothing", "exit 0", failedCommand("exit code 0: no output")],
  [
    "its answer between log lines",
    `echo "[plugins] loaded {x}"; echo '{"level":"warn"}'; echo "{"\n${createAnsweringScript(readRecordedInfo("2026.9.6"), "echo '} bye'; echo '}'")}`,
    "ok: Imhotep: loaded and eligible",
  ],
])("The doctor understands an openclaw command that prints %s", async (_, script, finding) => {
  expect(formatFindings(await createOpenClawMachine(script).checkSkill())).toBe(finding);
});

test("The doctor asks OpenClaw 2026.9 about each agent by its id there, groups equal findings, and asks 2026.2 once without", async () => {
  const machine = createOpenClawMachine();
  const openclaw = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"
case "$*" in *thot-2*) ${createAnsweringScript({ ...readRecordedInfo("2026.9.6"), blockedByAgentFilter: true, modelVisible: false })}
exit 0;; esac
${createAnsweringScript(readRecordedInfo("2026.9.6"))}`);
  const checks = await openclaw.checkSkill({ agents: ["Imhotep", { name: "Thot", agent: "thot-2" }, "Isis"] });
  expect(machine.readCalls()).toEqual([
    "skills info plane-bridge --json --agent imhotep",
    "skills info plane-bridge --json --agent thot-2",
    "mcp status --json",
    "skills info plane-bridge --json --agent isis",
  ]);
  expect(formatFindings(checks)).toBe(
    "ok: Imhotep, Isis: loaded and eligible\nfailed: Thot: the skill is missing from the agent's list of skills → Add plane-bridge to the agent's skills in OpenClaw's settings.",
  );
  const log = createOpenClawMachine();
  // 2026.2 does not support --agent.
  const old = createOpenClawMachine(`echo "$@" >> "${log.callLog}"
case "$*" in *--agent*) echo "error: unknown option '--agent'" >&2; exit 1;; esac
${createAnsweringScript(readRecordedInfo("2026.2.26"))}`);
  expect(formatFindings(await old.checkSkill({ agents: ["Imhotep", "Thot"] }))).toMatch(/^ok: loaded/);
  expect(log.readCalls()).toEqual([
    "skills info plane-bridge --json --agent imhotep",
    "skills info plane-bridge --json",
  ]);
});

test("The doctor reads a part of a long output, ends a command that hangs with its children, and names one that cannot start", async () => {
  const left = createOpenClawMachine(createAnsweringScript(readRecordedInfo("2026.9.6"), "sleep 60 & exit 0"));
  expect(formatFindings(await left.checkSkill({ limit: 400 }))).toBe("ok: Imhotep: loaded and eligible");
  const long = formatFindings(await createOpenClawMachine("yes '{' | head -c 3000000; exit 5").checkSkill());
  expect(long).toMatch(/^warning: .*exit code 5: \{/);
  expect(long.length).toBeLessThan(1_000);
  const log = createOpenClawMachine();
  const hanging = createOpenClawMachine(`sleep 60 & echo $! > "${log.callLog}"; wait`);
  const findings = formatFindings(await hanging.checkSkill({ agents: ["Imhotep", "Thot"], limit: 400 }));
  expect(findings).toMatch(/^warning: Imhotep: .*no answer within 0\.4 s/);
  const pid = Number(log.readCalls()[0]);
  await expect
    .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z"))
    .toBe(false);
  const broken = createOpenClawMachine("exit 0");
  broken.put(join(broken.root, "bin/openclaw"), "#!/no/such/program\n");
  expect(formatFindings(await broken.checkSkill())).toMatch(/^warning: Imhotep: OpenClaw's command failed: .*ENOENT/);
});

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
  await openclaw.checkSkill({ agents: names });
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
