import { describe, expect, it } from "vitest";
import { createMachine, recordedInfo, recordedMcp, said, saying } from "./openclaw-rig.ts";

const NOT_FOUND = saying(
  { ok: false, error: { type: "cli_error", message: 'Skill "plane-bridge" not found.' }, skill: "plane-bridge" },
  "exit 1",
);

/** 2026.9, which answers this about the skill and this about its MCP entries. */
const machine = (skill: string, mcp: unknown) =>
  createMachine(`if [ "$1" = mcp ]; then ${saying(mcp)}\nexit 0; fi\n${skill}`);

describe("The doctor, of an OpenClaw 2026.9 whose agents have their tools over MCP", () => {
  it("says that the skill is not there and not needed", async () => {
    expect(said(await machine(NOT_FOUND, recordedMcp()).look({ agents: ["Imhotep", "Thot"] }))).toBe(
      "ok: Imhotep, Thot: OpenClaw knows no skill plane-bridge, and needs none: its MCP entry groundcrew leads to Groundcrew",
    );
  });

  it.each([
    ["an entry of each agent's own", { name: "groundcrew-imhotep", launch: "http://crew.internal/mcp" }],
    ["an entry of another name with our port", { name: "plane", launch: "http://crew.internal:8787/mcp/" }],
  ])("knows %s", async (_, entry) => {
    expect(said(await machine(NOT_FOUND, recordedMcp(entry)).look())).toMatch(/^ok: .*needs none/);
  });

  it("warns of a skill that is there and left out, with what to do", async () => {
    const off = saying({ ...recordedInfo("2026.9.6"), eligible: false, disabled: true });
    expect(said(await machine(off, recordedMcp()).look())).toMatch(
      /^warning: Imhotep: it is switched off; the tools come over MCP all the same \(entry groundcrew\) → Set skills\.entries/,
    );
  });

  it.each([
    ["no entry", { path: "openclaw.json", servers: [] }],
    ["one that leads elsewhere", recordedMcp({ name: "files", launch: "http://127.0.0.1:9000/mcp" })],
    ["one that is switched off", recordedMcp({ enabled: false })],
    ["one that is not in order", recordedMcp({ ok: false })],
    ["one that is a program", recordedMcp({ launch: "groundcrew-mcp --stdio" })],
  ])("says with %s that the skill is missing, and both ways to mend it", async (_, status) => {
    expect(said(await machine(NOT_FOUND, status).look())).toMatch(
      /^failed: Imhotep: OpenClaw knows no skill plane-bridge → Copy .* Or give it an MCP entry that leads to Groundcrew's \/mcp; `openclaw mcp status` tells of those it has\.$/,
    );
  });

  it("does not ask about MCP where the skill is loaded", async () => {
    const asking = createMachine();
    const loaded = createMachine(`echo "$1" >> "${asking.asked}"\n${saying(recordedInfo("2026.9.6"))}`);
    expect(said(await loaded.look())).toMatch(/^ok: .*loaded and eligible/);
    expect(asking.calls()).toEqual(["skills"]);
  });
});

it("2026.2 knows no MCP, so there the skill is needed", async () => {
  const missing = saying({ error: "not found", skill: "plane-bridge" });
  const old = createMachine(`if [ "$1" = mcp ]; then echo "error: unknown command 'mcp'" >&2; exit 1; fi\n${missing}`);
  expect(said(await old.look())).toMatch(/^failed: .*knows no skill plane-bridge → Copy [^`]*$/);
});
