import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { checkSkill } from "../../../functions/doctor/openclaw-skill.ts";
import { createSkillProbe } from "../../../runtime/doctor/skill-probe.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";
import {
  createAnsweringScript,
  createOpenClawMachine,
  formatFindings,
  readRecordedInfo,
  SHIPPED_SKILL,
} from "./openclaw-machine.ts";

const VERSIONS = ["2026.9.6", "2026.2.26"] as const;

/** 2026.2 knows no `--agent`, and says so as its command line does. */
const rejectAgentOption = (script: string) =>
  `case "$*" in *--agent*) echo "error: unknown option '--agent'" >&2; exit 1;; esac\n${script}`;

function createSkillMachine(version: string, change: Record<string, unknown> = {}) {
  const script = createAnsweringScript({ ...readRecordedInfo(version), ...change });
  return createOpenClawMachine(version === "2026.2.26" ? rejectAgentOption(script) : script);
}

describe.each(VERSIONS)("The doctor asks the openclaw of this machine, %s, about the skill", (version) => {
  const asked = version === "2026.2.26" ? / \(asked of the default agent: this version tells no other\)/ : /^/;

  it("and says that it is loaded, as it was recorded", async () => {
    const told = formatFindings(await createSkillMachine(version).checkSkill());
    expect(told).toMatch(/^ok: .*loaded and eligible/);
    expect(told).toMatch(asked);
  });

  it("and says what it lacks", async () => {
    const missing = { bins: ["curl"], anyBins: [], env: ["GROUNDCREW_TOKEN"], config: [], os: [] };
    const told = formatFindings(await createSkillMachine(version, { eligible: false, missing }).checkSkill());
    expect(told).toMatch(
      /^failed: .*not eligible; missing: curl \(bins\), GROUNDCREW_TOKEN \(env\).* → .*needs curl alone/,
    );
  });

  it("and says that it is switched off", async () => {
    const told = formatFindings(await createSkillMachine(version, { eligible: false, disabled: true }).checkSkill());
    expect(told).toMatch(/^failed: .*switched off.* → Set skills\.entries\.plane-bridge\.enabled/);
  });

  it("and says that another one is loaded than this version ships", async () => {
    const machine = createOpenClawMachine();
    const filePath = machine.put(machine.skillPath, SHIPPED_SKILL.replace("claim_task", "take_task"));
    const asking = createSkillMachine(version, { filePath });
    expect(formatFindings(await asking.checkSkill())).toMatch(
      /^warning: .*loaded and eligible, but not the one of this version/,
    );
    machine.put(
      machine.skillPath,
      SHIPPED_SKILL.replaceAll("$GROUNDCREW_URL", `\${GROUNDCREW_URL:-https://crew.example.com}`),
    );
    expect(formatFindings(await asking.checkSkill())).toMatch(/^ok: /);
  });
});

describe("The doctor asks the openclaw of this machine about the skill", () => {
  it.each([
    ["2026.2", { error: "not found", skill: "plane-bridge" }, 0],
    [
      "2026.9",
      { ok: false, error: { type: "cli_error", message: 'Skill "plane-bridge" not found.' }, skill: "plane-bridge" },
      1,
    ],
  ])("and says how to install it when %s does not know it", async (_, answer, code) => {
    const machine = createOpenClawMachine(createAnsweringScript(answer, `exit ${code}`));
    expect(formatFindings(await machine.checkSkill())).toBe(
      `failed: Imhotep: OpenClaw knows no skill plane-bridge → Copy skills/plane-bridge/SKILL.md (from provision: data/skill/plane-bridge/SKILL.md, with the address in it) to ${machine.skillPath}.`,
    );
  });

  it("2026.9: for each agent, by its id there; those of whom the same is true share a line", async () => {
    const machine = createOpenClawMachine();
    const asking = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"
case "$*" in *thot-2*) ${createAnsweringScript({ ...readRecordedInfo("2026.9.6"), blockedByAgentFilter: true, modelVisible: false })}
exit 0;; esac
${createAnsweringScript(readRecordedInfo("2026.9.6"))}`);
    const told = await asking.checkSkill({ agents: ["Imhotep", { name: "Thot", agent: "thot-2" }, "Isis"] });
    expect(machine.readCalls()).toEqual([
      "skills info plane-bridge --json --agent imhotep",
      "skills info plane-bridge --json --agent thot-2",
      "mcp status --json",
      "skills info plane-bridge --json --agent isis",
    ]);
    expect(formatFindings(told)).toBe(
      "ok: Imhotep, Isis: loaded and eligible\nfailed: Thot: the agent's list of skills leaves it out → Add plane-bridge to its skills in OpenClaw's settings.",
    );
  });

  it("2026.2: once more without --agent, and then no more", async () => {
    const machine = createOpenClawMachine();
    const script = rejectAgentOption(createAnsweringScript(readRecordedInfo("2026.2.26")));
    const asking = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"\n${script}`);
    expect(formatFindings(await asking.checkSkill({ agents: ["Imhotep", "Thot"] }))).toMatch(/^ok: loaded/);
    expect(machine.readCalls()).toEqual([
      "skills info plane-bridge --json --agent imhotep",
      "skills info plane-bridge --json",
    ]);
  });

  it("and finds the answer among log lines before and after it", async () => {
    const noise = 'echo "[plugins] loaded {x}"; echo \'{"level":"warn","msg":"old"}\'; echo "{"';
    const machine = createOpenClawMachine(
      `${noise}\n${createAnsweringScript(readRecordedInfo("2026.9.6"), "echo '} bye'; echo '}'")}`,
    );
    expect(formatFindings(await machine.checkSkill())).toBe("ok: Imhotep: loaded and eligible");
  });

  it.each([
    ["nothing", "exit 0", "exit code 0: nothing"],
    ["no JSON", "echo '<html>{]}'; exit 3", "exit code 3: <html>{]}"],
    ["JSON of another form", 'echo \'{"eligible": "yes"}\'', 'exit code 0: {"eligible": "yes"}'],
    ["an error", "echo 'Error: config is broken' >&2; exit 1", "exit code 1: Error: config is broken"],
    ["a signal", "kill -TERM $$", "exit code none: nothing"],
    [
      "that it does not know the agent",
      createAnsweringScript(
        { ok: false, error: { type: "cli_error", message: 'Unknown agent id "imhotep".' } },
        "exit 1",
      ),
      'Unknown agent id "imhotep".',
    ],
  ])("and when it says %s, says so and how to ask by hand", async (_, script, why) => {
    expect(formatFindings(await createOpenClawMachine(script).checkSkill())).toBe(
      `warning: Imhotep: OpenClaw's command does not tell: ${why} → Try it by hand: \`openclaw skills info plane-bridge --json\`.`,
    );
  });

  it("and is not drowned by one that says too much", async () => {
    const machine = createOpenClawMachine("yes '{' | head -c 3000000; exit 5");
    const began = performance.now();
    expect(formatFindings(await machine.checkSkill())).toMatch(/^warning: .*exit code 5: \{/);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it("and is not held up by one that hangs, which is ended with all it has started", async () => {
    const machine = createOpenClawMachine();
    const hanging = createOpenClawMachine(`sleep 60 & echo $! > "${machine.callLog}"; wait`);
    const told = formatFindings(await hanging.checkSkill({ agents: ["Imhotep", "Thot"], limit: 400 }));
    expect(told).toMatch(/^warning: Imhotep: .*no answer within 0\.4 s/);
    const pid = Number(machine.readCalls()[0]);
    await expect
      .poll(() => existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z"))
      .toBe(false);
  });

  it("and hears one that has answered and left somebody behind", async () => {
    const machine = createOpenClawMachine(createAnsweringScript(readRecordedInfo("2026.9.6"), "sleep 60 & exit 0"));
    expect(formatFindings(await machine.checkSkill({ limit: 400 }))).toBe("ok: Imhotep: loaded and eligible");
  });

  it("and says that it cannot be started", async () => {
    const machine = createOpenClawMachine("exit 0");
    machine.put(join(machine.root, "bin/openclaw"), "#!/no/such/program\n");
    expect(formatFindings(await machine.checkSkill())).toMatch(
      /^warning: Imhotep: OpenClaw's command does not tell: .*ENOENT/,
    );
  });

  it("and says so of an agent's id that no program can be given", async () => {
    const machine = createOpenClawMachine("exit 0");
    const told = formatFindings(await machine.checkSkill({ agents: [{ name: "A", agent: "a\0b" }] }));
    expect(told).toMatch(/^warning: A: OpenClaw's command does not tell: .*null bytes/);
  });

  it("and gives it no secret and not our folder, but its own settings", async () => {
    const machine = createOpenClawMachine();
    const asking = createOpenClawMachine(`env > "${machine.callLog}"; pwd >> "${machine.callLog}"; exit 1`);
    const secrets = {
      PLANE_API_KEY: "marked-secret-1",
      AGENT_TOKEN_IMHOTEP: "marked-secret-2",
      TELEGRAM_BOT_TOKEN: "marked-secret-3",
      OPENCLAW_GATEWAY_TOKEN: "marked-secret-4",
      NODE_OPTIONS: "--marked-secret-5",
    };
    Object.assign(asking.env, secrets, { OPENCLAW_STATE_DIR: "/srv/claw", OPENCLAW_CONFIG_PATH: "/srv/claw.json" });
    await asking.checkSkill();
    const told = machine.readCalls();
    expect(told.join("\n")).not.toContain("marked-secret");
    expect(told).toEqual(
      expect.arrayContaining([
        `HOME=${asking.home}`,
        "OPENCLAW_STATE_DIR=/srv/claw",
        "OPENCLAW_CONFIG_PATH=/srv/claw.json",
      ]),
    );
    expect(told.at(-1)).toBe("/");
  });

  it("and runs nothing with a shell, no option as an agent's id, and nothing from the working directory", async () => {
    const machine = createOpenClawMachine();
    const asking = createOpenClawMachine(`echo "$@" >> "${machine.callLog}"; exit 1`);
    await asking.checkSkill({
      agents: [
        { name: "A", agent: "$(id); x" },
        { name: "B", agent: "--help" },
      ],
    });
    expect(machine.readCalls()).toEqual([
      "skills info plane-bridge --json --agent $(id); x",
      "skills info plane-bridge --json",
    ]);
    asking.env["PATH"] = `${relative(process.cwd(), join(asking.root, "bin"))}:.:`;
    expect(formatFindings(await asking.checkSkill())).toMatch(/^warning: not seen from here/);
  });

  it("and says only what is true here when the gateway is elsewhere", async () => {
    const machine = createOpenClawMachine(createAnsweringScript(readRecordedInfo("2026.9.6")));
    expect(formatFindings(await machine.checkSkill({ url: "http://claw.example.com:18789" }))).toBe(
      "warning: Imhotep: loaded and eligible (on this machine, and the gateway is at claw.example.com:18789) → On the machine or in the container of claw.example.com:18789: `openclaw skills info plane-bridge --json` (2026.9: also with `--agent <id>`; where agents use MCP instead, `openclaw mcp status`).",
    );
  });

  it("and asks nothing where no agent is woken through OpenClaw", async () => {
    const machine = createOpenClawMachine();
    const asking = createOpenClawMachine(`touch "${machine.callLog}"`);
    expect(await checkSkill(createSkillProbe(asking.env), createTestSettings(PLANE_ENV))).toEqual([]);
    expect(existsSync(machine.callLog)).toBe(false);
  });
});
