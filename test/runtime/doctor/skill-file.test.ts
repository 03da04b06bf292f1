import { join } from "node:path";
import { expect, test } from "vitest";
import { createOpenClawMachine, formatFindings, SHIPPED_SKILL } from "./openclaw-machine.ts";

test("Without an openclaw command, the doctor's check of the skill's file names the command to run when there is no trace of OpenClaw", async () => {
  expect(formatFindings(await createOpenClawMachine().checkSkill({ url: "http://openclaw:18789" }))).toBe(
    "warning: not checked: this machine has neither the `openclaw` command nor its folders → Run where OpenClaw runs: `openclaw skills info plane-bridge --json` (2026.9: also with `--agent <id>`; where agents use MCP instead, `openclaw mcp status`).",
  );
});

test("Without an openclaw command, the doctor's check of the skill's file warns when the file does not exist, and says where to copy it", async () => {
  const machine = createOpenClawMachine();
  machine.put(join(machine.home, ".openclaw/openclaw.json"), "{}");
  expect(formatFindings(await machine.checkSkill())).toMatch(
    /^warning: .*SKILL\.md does not exist, .* → Copy skills\/plane-bridge\/SKILL\.md .*Run where OpenClaw runs: /,
  );
});

test("Without an openclaw command, the doctor's check of the skill's file reports that the file is valid, and that it may still not be loaded", async () => {
  const machine = createOpenClawMachine();
  machine.put(machine.skillPath, SHIPPED_SKILL);
  expect(formatFindings(await machine.checkSkill())).toMatch(
    /^warning: .*SKILL\.md is valid, and there is no `openclaw` command.* → Run where OpenClaw/,
  );
});

test("Without an openclaw command, the doctor's check of the skill's file finds the file in the folder that OPENCLAW_STATE_DIR names", async () => {
  const machine = createOpenClawMachine();
  machine.put(join(machine.root, "state/skills/plane-bridge/SKILL.md"), SHIPPED_SKILL);
  machine.env["OPENCLAW_STATE_DIR"] = join(machine.root, "state");
  expect(formatFindings(await machine.checkSkill())).toMatch(
    /^warning: .*state\/skills\/plane-bridge\/SKILL\.md is valid/,
  );
});

test("Without an openclaw command, the doctor's check of the skill's file warns when the file differs from the skill of this version", async () => {
  const machine = createOpenClawMachine();
  machine.put(machine.skillPath, `${SHIPPED_SKILL}\nAlso be kind.\n`);
  expect(formatFindings(await machine.checkSkill())).toMatch(/^warning: .*differs from the skill of this version/);
});

test.each([
  ["without front matter", "# Work from Plane\n", "it does not begin with front matter"],
  ["without a name", "---\ndescription: x\n---\n", "it has no name"],
  ["with another name", "---\nname: bridge\ndescription: x\n---\n", 'it is named "bridge"'],
  ["without a description", "---\nname: plane-bridge\n---\n", "it has no description"],
  ["with an empty description", '---\nname: plane-bridge\ndescription: ""\n---\n', "it has no description"],
  [
    "with an unquoted colon",
    "---\nname: plane-bridge\ndescription: Work: from Plane\n---\n",
    "an unquoted colon followed by a space",
  ],
])(
  "Without an openclaw command, the doctor's check of the skill's file fails for a file %s, because OpenClaw ignores it",
  async (_, text, why) => {
    const machine = createOpenClawMachine();
    machine.put(machine.skillPath, text);
    const findings = formatFindings(await machine.checkSkill());
    expect(findings).toMatch(/^failed: OpenClaw ignores .*: /);
    expect(findings).toContain(why);
  },
);

test("Without an openclaw command, the doctor's check of the skill's file accepts a colon within quotes and Windows line ends", async () => {
  const machine = createOpenClawMachine();
  machine.put(machine.skillPath, "---\r\nname: plane-bridge\r\ndescription: 'Work: from Plane'\r\n---\r\n");
  expect(formatFindings(await machine.checkSkill())).toMatch(/^warning: .*differs from the skill of this version/);
});
