import { join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import {
  createAnsweringScript,
  createOpenClawMachine,
  formatFindings,
  readRecordedInfo,
  readRecordedMcp,
} from "./openclaw-machine.ts";

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
