import { expect, test } from "vitest";
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

/** An OpenClaw 2026.9 with these answers about the skill and about its MCP entries. */
const createMcpMachine = (skill: string, mcp: unknown) =>
  createOpenClawMachine(`if [ "$1" = mcp ]; then ${createAnsweringScript(mcp)}\nexit 0; fi\n${skill}`);

test("For an OpenClaw 2026.9 whose agents use MCP, the doctor reports that the skill is missing but not needed", async () => {
  expect(
    formatFindings(
      await createMcpMachine(SKILL_NOT_FOUND, readRecordedMcp()).checkSkill({ agents: ["Imhotep", "Thot"] }),
    ),
  ).toBe(
    "ok: Imhotep, Thot: OpenClaw does not find the skill plane-bridge, but does not need it: its MCP entry groundcrew leads to Groundcrew",
  );
});

test.each([
  ["an entry of each agent's own", { name: "groundcrew-imhotep", launch: "http://crew.internal/mcp" }],
  ["an entry of another name with our port", { name: "plane", launch: "http://crew.internal:8787/mcp/" }],
])("For an OpenClaw 2026.9 whose agents use MCP, the doctor recognizes %s", async (_, entry) => {
  expect(formatFindings(await createMcpMachine(SKILL_NOT_FOUND, readRecordedMcp(entry)).checkSkill())).toMatch(
    /^ok: .*does not need it/,
  );
});

test("For an OpenClaw 2026.9 whose agents use MCP, the doctor warns about a disabled skill, and says how to enable it", async () => {
  const off = createAnsweringScript({ ...readRecordedInfo("2026.9.6"), eligible: false, disabled: true });
  expect(formatFindings(await createMcpMachine(off, readRecordedMcp()).checkSkill())).toMatch(
    /^warning: Imhotep: the skill is disabled; the tools are available over MCP \(entry groundcrew\) → Set skills\.entries/,
  );
});

test.each([
  ["no entry", { path: "openclaw.json", servers: [] }],
  ["an entry that leads elsewhere", readRecordedMcp({ name: "files", launch: "http://127.0.0.1:9000/mcp" })],
  ["a disabled entry", readRecordedMcp({ enabled: false })],
  ["a broken entry", readRecordedMcp({ ok: false })],
  ["an entry that runs a program", readRecordedMcp({ launch: "groundcrew-mcp --stdio" })],
])(
  "For an OpenClaw 2026.9 whose agents use MCP, the doctor fails with %s, and names both ways to fix it",
  async (_, status) => {
    expect(formatFindings(await createMcpMachine(SKILL_NOT_FOUND, status).checkSkill())).toMatch(
      /^failed: Imhotep: OpenClaw does not find the skill plane-bridge → Copy .* Or add an MCP entry for Groundcrew's \/mcp to OpenClaw; `openclaw mcp status` lists its entries\.$/,
    );
  },
);

test("For an OpenClaw 2026.9 whose agents use MCP, the doctor does not read the MCP entries when the skill is loaded", async () => {
  const log = createOpenClawMachine();
  const loaded = createOpenClawMachine(
    `echo "$1" >> "${log.callLog}"\n${createAnsweringScript(readRecordedInfo("2026.9.6"))}`,
  );
  expect(formatFindings(await loaded.checkSkill())).toMatch(/^ok: .*loaded and eligible/);
  expect(log.readCalls()).toEqual(["skills"]);
});

test("the doctor fails without the skill on OpenClaw 2026.2, which does not support MCP", async () => {
  const missing = createAnsweringScript({ error: "not found", skill: "plane-bridge" });
  const old = createOpenClawMachine(
    `if [ "$1" = mcp ]; then echo "error: unknown command 'mcp'" >&2; exit 1; fi\n${missing}`,
  );
  expect(formatFindings(await old.checkSkill())).toMatch(
    /^failed: .*does not find the skill plane-bridge → Copy [^`]*$/,
  );
});
