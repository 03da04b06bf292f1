import { describe, expect, it } from "vitest";
import {
  createAnsweringScript,
  createOpenClawMachine,
  formatFindings,
  readRecordedInfo,
  readRecordedMcp,
} from "./openclaw-machine.ts";

const SKILL_NOT_FOUND = createAnsweringScript(
  { ok: false, error: { type: "cli_error", message: 'Skill "plane-bridge" not found.' }, skill: "plane-bridge" },
  "exit 1",
);

/** 2026.9, which answers this about the skill and this about its MCP entries. */
const createMcpMachine = (skill: string, mcp: unknown) =>
  createOpenClawMachine(`if [ "$1" = mcp ]; then ${createAnsweringScript(mcp)}\nexit 0; fi\n${skill}`);

describe("The doctor, of an OpenClaw 2026.9 whose agents have their tools over MCP", () => {
  it("says that the skill is not there and not needed", async () => {
    expect(
      formatFindings(
        await createMcpMachine(SKILL_NOT_FOUND, readRecordedMcp()).checkSkill({ agents: ["Imhotep", "Thot"] }),
      ),
    ).toBe(
      "ok: Imhotep, Thot: OpenClaw knows no skill plane-bridge, and needs none: its MCP entry groundcrew leads to Groundcrew",
    );
  });

  it.each([
    ["an entry of each agent's own", { name: "groundcrew-imhotep", launch: "http://crew.internal/mcp" }],
    ["an entry of another name with our port", { name: "plane", launch: "http://crew.internal:8787/mcp/" }],
  ])("knows %s", async (_, entry) => {
    expect(formatFindings(await createMcpMachine(SKILL_NOT_FOUND, readRecordedMcp(entry)).checkSkill())).toMatch(
      /^ok: .*needs none/,
    );
  });

  it("warns of a skill that is there and left out, with what to do", async () => {
    const off = createAnsweringScript({ ...readRecordedInfo("2026.9.6"), eligible: false, disabled: true });
    expect(formatFindings(await createMcpMachine(off, readRecordedMcp()).checkSkill())).toMatch(
      /^warning: Imhotep: it is switched off; the tools come over MCP all the same \(entry groundcrew\) → Set skills\.entries/,
    );
  });

  it.each([
    ["no entry", { path: "openclaw.json", servers: [] }],
    ["one that leads elsewhere", readRecordedMcp({ name: "files", launch: "http://127.0.0.1:9000/mcp" })],
    ["one that is switched off", readRecordedMcp({ enabled: false })],
    ["one that is not in order", readRecordedMcp({ ok: false })],
    ["one that is a program", readRecordedMcp({ launch: "groundcrew-mcp --stdio" })],
  ])("says with %s that the skill is missing, and both ways to mend it", async (_, status) => {
    expect(formatFindings(await createMcpMachine(SKILL_NOT_FOUND, status).checkSkill())).toMatch(
      /^failed: Imhotep: OpenClaw knows no skill plane-bridge → Copy .* Or give it an MCP entry that leads to Groundcrew's \/mcp; `openclaw mcp status` tells of those it has\.$/,
    );
  });

  it("does not ask about MCP where the skill is loaded", async () => {
    const asking = createOpenClawMachine();
    const loaded = createOpenClawMachine(
      `echo "$1" >> "${asking.callLog}"\n${createAnsweringScript(readRecordedInfo("2026.9.6"))}`,
    );
    expect(formatFindings(await loaded.checkSkill())).toMatch(/^ok: .*loaded and eligible/);
    expect(asking.readCalls()).toEqual(["skills"]);
  });
});

it("2026.2 knows no MCP, so there the skill is needed", async () => {
  const missing = createAnsweringScript({ error: "not found", skill: "plane-bridge" });
  const old = createOpenClawMachine(
    `if [ "$1" = mcp ]; then echo "error: unknown command 'mcp'" >&2; exit 1; fi\n${missing}`,
  );
  expect(formatFindings(await old.checkSkill())).toMatch(/^failed: .*knows no skill plane-bridge → Copy [^`]*$/);
});
