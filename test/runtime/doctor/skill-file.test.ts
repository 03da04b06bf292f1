import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createOpenClawMachine, formatFindings, SHIPPED_SKILL } from "./openclaw-machine.ts";

describe("Without an openclaw to ask the doctor looks for the skill's file", () => {
  it("and says which command tells, where there is nothing of OpenClaw", async () => {
    expect(formatFindings(await createOpenClawMachine().checkSkill({ url: "http://openclaw:18789" }))).toBe(
      "warning: not seen from here: no `openclaw` to ask, and none of its folders → Where OpenClaw runs: `openclaw skills info plane-bridge --json` (2026.9: also with `--agent <id>`; where agents use MCP instead, `openclaw mcp status`).",
    );
  });

  it("and says that it is not there, and where it belongs", async () => {
    const machine = createOpenClawMachine();
    machine.put(join(machine.home, ".openclaw/openclaw.json"), "{}");
    expect(formatFindings(await machine.checkSkill())).toMatch(
      /^warning: not at .*SKILL\.md, .* → Copy skills\/plane-bridge\/SKILL\.md .*Where OpenClaw runs: /,
    );
  });

  it("and says that it is in order, and that this is not all", async () => {
    const machine = createOpenClawMachine();
    machine.put(machine.skillPath, SHIPPED_SKILL);
    expect(formatFindings(await machine.checkSkill())).toMatch(
      /^warning: .*SKILL\.md is in order, and no `openclaw` to ask.* → Where OpenClaw/,
    );
  });

  it("also where OPENCLAW_STATE_DIR names another folder", async () => {
    const machine = createOpenClawMachine();
    machine.put(join(machine.root, "state/skills/plane-bridge/SKILL.md"), SHIPPED_SKILL);
    machine.env["OPENCLAW_STATE_DIR"] = join(machine.root, "state");
    expect(formatFindings(await machine.checkSkill())).toMatch(
      /^warning: .*state\/skills\/plane-bridge\/SKILL\.md is in order/,
    );
  });

  it("and says that it is another one than this version ships", async () => {
    const machine = createOpenClawMachine();
    machine.put(machine.skillPath, `${SHIPPED_SKILL}\nAlso be kind.\n`);
    expect(formatFindings(await machine.checkSkill())).toMatch(/^warning: .*is not the one of this version/);
  });

  it.each([
    ["without front matter", "# Work from Plane\n", "it does not begin with front matter"],
    ["without a name", "---\ndescription: x\n---\n", "it has no name"],
    ["with another name", "---\nname: bridge\ndescription: x\n---\n", 'it is named "bridge"'],
    ["without a description", "---\nname: plane-bridge\n---\n", "it has no description"],
    ["with an empty one", '---\nname: plane-bridge\ndescription: ""\n---\n', "it has no description"],
    ["with a bare colon", "---\nname: plane-bridge\ndescription: Work: from Plane\n---\n", "a colon and a blank"],
  ])("and says that OpenClaw leaves out one %s", async (_, text, why) => {
    const machine = createOpenClawMachine();
    machine.put(machine.skillPath, text);
    const told = formatFindings(await machine.checkSkill());
    expect(told).toMatch(/^failed: OpenClaw leaves .* out: /);
    expect(told).toContain(why);
  });

  it("and takes a colon within quotes, and Windows' line ends", async () => {
    const machine = createOpenClawMachine();
    machine.put(machine.skillPath, "---\r\nname: plane-bridge\r\ndescription: 'Work: from Plane'\r\n---\r\n");
    expect(formatFindings(await machine.checkSkill())).toMatch(/^warning: .*is not the one of this version/);
  });
});
