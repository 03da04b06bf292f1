import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { checkSkill } from "../../../functions/doctor/openclaw-skill.ts";
import { createSkillProbe } from "../../../runtime/doctor/openclaw-probe.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";
import {
  createAnsweringScript,
  createOpenClawMachine,
  formatFindings,
  readRecordedInfo,
  SHIPPED_SKILL,
} from "./openclaw-machine.ts";

const VERSIONS = ["2026.9.6", "2026.2.26"] as const;

/** Refuses `--agent` with the message of 2026.2, which does not support it. */
const rejectAgentOption = (script: string) =>
  `case "$*" in *--agent*) echo "error: unknown option '--agent'" >&2; exit 1;; esac\n${script}`;

function createSkillMachine(version: string, change: Record<string, unknown> = {}) {
  const script = createAnsweringScript({ ...readRecordedInfo(version), ...change });
  return createOpenClawMachine(version === "2026.2.26" ? rejectAgentOption(script) : script);
}

describe.each(VERSIONS)("With openclaw %s on this machine, the doctor's check of the skill", (version) => {
  const scopeNote = version === "2026.2.26" ? / \(for the default agent: this version cannot report on others\)/ : /^/;

  test("succeeds for the recorded answer of a loaded skill", async () => {
    const findings = formatFindings(await createSkillMachine(version).checkSkill());
    expect(findings).toMatch(/^ok: .*loaded and eligible/);
    expect(findings).toMatch(scopeNote);
  });

  test("fails for missing requirements, and lists them", async () => {
    const missing = { bins: ["curl"], anyBins: [], env: ["GROUNDCREW_TOKEN"], config: [], os: [] };
    const findings = formatFindings(await createSkillMachine(version, { eligible: false, missing }).checkSkill());
    expect(findings).toMatch(
      /^failed: .*not eligible; missing: curl \(bins\), GROUNDCREW_TOKEN \(env\).* → .*needs only curl/,
    );
  });

  test("fails when the skill is disabled", async () => {
    const findings = formatFindings(
      await createSkillMachine(version, { eligible: false, disabled: true }).checkSkill(),
    );
    expect(findings).toMatch(/^failed: .*the skill is disabled.* → Set skills\.entries\.plane-bridge\.enabled/);
  });

  test("warns when the loaded skill differs from the one of this version", async () => {
    const machine = createOpenClawMachine();
    const filePath = machine.put(machine.skillPath, SHIPPED_SKILL.replace("claim_task", "take_task"));
    const openclaw = createSkillMachine(version, { filePath });
    expect(formatFindings(await openclaw.checkSkill())).toMatch(
      /^warning: .*loaded and eligible, but .* differs from the skill of this version/,
    );
    machine.put(
      machine.skillPath,
      SHIPPED_SKILL.replaceAll("$GROUNDCREW_URL", `\${GROUNDCREW_URL:-https://crew.example.com}`),
    );
    expect(formatFindings(await openclaw.checkSkill())).toMatch(/^ok: /);
  });
});

test.each([
  ["2026.2", { error: "not found", skill: "plane-bridge" }, 0],
  [
    "2026.9",
    { ok: false, error: { type: "cli_error", message: 'Skill "plane-bridge" not found.' }, skill: "plane-bridge" },
    1,
  ],
])(
  "With openclaw on this machine, the doctor's check of the skill says how to install the skill when OpenClaw %s does not find it",
  async (_, answer, code) => {
    const machine = createOpenClawMachine(createAnsweringScript(answer, `exit ${code}`));
    expect(formatFindings(await machine.checkSkill())).toBe(
      `failed: Imhotep: OpenClaw does not find the skill plane-bridge → Copy skills/plane-bridge/SKILL.md (from provision: data/skill/plane-bridge/SKILL.md, with the address filled in) to ${machine.skillPath}.`,
    );
  },
);

test("With openclaw on this machine, the doctor's check of the skill queries 2026.9 for each agent by its id there, and groups agents with the same finding", async () => {
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
});

test("With openclaw on this machine, the doctor's check of the skill queries 2026.2 once more without --agent, and then no more", async () => {
  const machine = createOpenClawMachine();
  const script = rejectAgentOption(createAnsweringScript(readRecordedInfo("2026.2.26")));
  const openclaw = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"\n${script}`);
  expect(formatFindings(await openclaw.checkSkill({ agents: ["Imhotep", "Thot"] }))).toMatch(/^ok: loaded/);
  expect(machine.readCalls()).toEqual([
    "skills info plane-bridge --json --agent imhotep",
    "skills info plane-bridge --json",
  ]);
});

test("With openclaw on this machine, the doctor's check of the skill finds the answer between log lines", async () => {
  const noise = 'echo "[plugins] loaded {x}"; echo \'{"level":"warn","msg":"old"}\'; echo "{"';
  const machine = createOpenClawMachine(
    `${noise}\n${createAnsweringScript(readRecordedInfo("2026.9.6"), "echo '} bye'; echo '}'")}`,
  );
  expect(formatFindings(await machine.checkSkill())).toBe("ok: Imhotep: loaded and eligible");
});

test.each([
  ["nothing", "exit 0", "exit code 0: no output"],
  ["no JSON", "echo '<html>{]}'; exit 3", "exit code 3: <html>{]}"],
  ["JSON of another form", 'echo \'{"eligible": "yes"}\'', 'exit code 0: {"eligible": "yes"}'],
  ["an error", "echo 'Error: config is broken' >&2; exit 1", "exit code 1: Error: config is broken"],
  ["nothing before a signal", "kill -TERM $$", "exit code none: no output"],
  [
    "that it does not know the agent",
    createAnsweringScript(
      { ok: false, error: { type: "cli_error", message: 'Unknown agent id "imhotep".' } },
      "exit 1",
    ),
    'Unknown agent id "imhotep".',
  ],
])(
  "With openclaw on this machine, the doctor's check of the skill warns when the command prints %s, and says how to run it by hand",
  async (_, script, why) => {
    expect(formatFindings(await createOpenClawMachine(script).checkSkill())).toBe(
      `warning: Imhotep: OpenClaw's command failed: ${why} → Run it by hand: \`openclaw skills info plane-bridge --json\`.`,
    );
  },
);

test("With openclaw on this machine, the doctor's check of the skill reads only a part when the command prints too much", async () => {
  const machine = createOpenClawMachine("yes '{' | head -c 3000000; exit 5");
  const findings = formatFindings(await machine.checkSkill());
  expect(findings).toMatch(/^warning: .*exit code 5: \{/);
  expect(findings.length).toBeLessThan(1_000);
});

test("With openclaw on this machine, the doctor's check of the skill ends a command that hangs, together with its child processes", async () => {
  const machine = createOpenClawMachine();
  const hanging = createOpenClawMachine(`sleep 60 & echo $! > "${machine.callLog}"; wait`);
  const findings = formatFindings(await hanging.checkSkill({ agents: ["Imhotep", "Thot"], limit: 400 }));
  expect(findings).toMatch(/^warning: Imhotep: .*no answer within 0\.4 s/);
  const pid = Number(machine.readCalls()[0]);
  await expect
    .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z"))
    .toBe(false);
});

test("With openclaw on this machine, the doctor's check of the skill reads the answer of a command that left a child process running", async () => {
  const machine = createOpenClawMachine(createAnsweringScript(readRecordedInfo("2026.9.6"), "sleep 60 & exit 0"));
  expect(formatFindings(await machine.checkSkill({ limit: 400 }))).toBe("ok: Imhotep: loaded and eligible");
});

test("With openclaw on this machine, the doctor's check of the skill warns when the command cannot be started", async () => {
  const machine = createOpenClawMachine("exit 0");
  machine.put(join(machine.root, "bin/openclaw"), "#!/no/such/program\n");
  expect(formatFindings(await machine.checkSkill())).toMatch(/^warning: Imhotep: OpenClaw's command failed: .*ENOENT/);
});

test("With openclaw on this machine, the doctor's check of the skill warns about an agent id that cannot be passed to a program", async () => {
  const machine = createOpenClawMachine("exit 0");
  const findings = formatFindings(await machine.checkSkill({ agents: [{ name: "A", agent: "a\0b" }] }));
  expect(findings).toMatch(/^warning: A: OpenClaw's command failed: .*null bytes/);
});

test("With openclaw on this machine, the doctor's check of the skill passes OpenClaw's own settings to the command, but no secret and not our folder", async () => {
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
  expect(environment).toEqual(
    expect.arrayContaining([
      `HOME=${openclaw.home}`,
      "OPENCLAW_STATE_DIR=/srv/claw",
      "OPENCLAW_CONFIG_PATH=/srv/claw.json",
    ]),
  );
  expect(environment.at(-1)).toBe("/");
});

test("With openclaw on this machine, the doctor's check of the skill runs without a shell, takes no option for an agent id, and runs nothing from the working directory", async () => {
  const machine = createOpenClawMachine();
  const openclaw = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"; exit 1`);
  await openclaw.checkSkill({
    agents: [
      { name: "A", agent: "$(id); x" },
      { name: "B", agent: "--help" },
    ],
  });
  expect(machine.readCalls()).toEqual([
    "skills info plane-bridge --json --agent $(id); x",
    "skills info plane-bridge --json",
  ]);
  openclaw.env["PATH"] = `${relative(process.cwd(), join(openclaw.root, "bin"))}:.:`;
  expect(formatFindings(await openclaw.checkSkill())).toMatch(/^warning: not checked/);
});

test("With openclaw on this machine, the doctor's check of the skill warns that its result holds for this machine only when the gateway is elsewhere", async () => {
  const machine = createOpenClawMachine(createAnsweringScript(readRecordedInfo("2026.9.6")));
  expect(formatFindings(await machine.checkSkill({ url: "http://claw.example.com:18789" }))).toBe(
    "warning: Imhotep: loaded and eligible (on this machine, but the gateway is at claw.example.com:18789) → Run on the machine or in the container of claw.example.com:18789: `openclaw skills info plane-bridge --json` (2026.9: also with `--agent <id>`; where agents use MCP instead, `openclaw mcp status`).",
  );
});

test("With openclaw on this machine, the doctor's check of the skill runs nothing when OpenClaw wakes no agent", async () => {
  const machine = createOpenClawMachine();
  const openclaw = createOpenClawMachine(`touch "${machine.callLog}"`);
  expect(await checkSkill(createSkillProbe(openclaw.env), createTestSettings(PLANE_ENV))).toEqual([]);
  expect(existsSync(machine.callLog)).toBe(false);
});
