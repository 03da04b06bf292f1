import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 300_000 });

const STAND_IN = `exec '${process.execPath}' --disable-warning=ExperimentalWarning '${resolve("simulators/claude/claude.ts")}' "$@"`;

test.concurrent("a Claude Code that ends at once is reported with its status and words, and runs when it is repaired", async (context) => {
  const { expect, onTestFinished } = context;
  const folder = mkdtempSync(join(tmpdir(), "gcr-claude-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [claude, repaired] = [join(folder, "claude"), join(folder, "repaired")];
  writeFileSync(
    claude,
    `#!/bin/sh\ntest -e ${repaired} || { echo "error: unknown option '$1'" >&2; exit 1; }\n${STAND_IN}\n`,
  );
  chmodSync(claude, 0o755);
  const rig = await createRunnerRig(context, { env: { CLAUDE_BIN: claude } });
  await rig.waitFor(() => rig.output.join("")).toContain("Claude Code lacks options that sessions need");
  // Several, because tmux misses the end of about one in ten programs that end at once.
  const keys = ["ONB-1", "ONB-2", "ONB-3", "ONB-4", "ONB-5", "ONB-6", "ONB-7", "ONB-8"];
  const desired = rig.want("ONB-1");
  rig.server.set({ sessions: [desired, ...keys.slice(1).map((key) => rig.want(key))] });
  for (const key of keys) {
    await rig.waitForState(key, "ended");
    expect(rig.report(key)?.exit).toEqual({ reason: "exited", status: 1 });
  }
  expect(rig.report("ONB-1")?.screen).toContain("error: unknown option '--session-id'");
  writeFileSync(repaired, "");
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "running");
  expect(rig.report("ONB-1")).toMatchObject({ run: 1, session_id: desired.session_id });
});

test.concurrent("a Claude Code that is missing ends each start with the setting to change", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context, { env: { CLAUDE_BIN: "/nowhere/claude" } });
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitForState("ONB-1", "ended");
  const text = "/nowhere/claude is not an executable file: set CLAUDE_BIN to the path of Claude Code.";
  expect(rig.report("ONB-1")?.exit).toEqual({ reason: "start_failed", text });
  expect(rig.output.join("")).toContain("Claude Code was not found");
  expect(rig.listSessions()).toEqual([]);
});

/** A hook that never ends for one ticket, with a child of its own. */
const hang = (key: string) => `test $GROUNDCREW_TICKET != ${key} || { sleep 987654 & sleep 987654; }`;

test.runIf(process.env["FULL"])(
  "a hook has 60 seconds: the first two end the start, the others only their own work",
  async (context) => {
    const { expect } = context;
    const hooks = {
      ...{ after_create: hang("ONB-1"), before_run: hang("ONB-2") },
      ...{ after_run: hang("ONB-3"), before_remove: hang("ONB-4") },
    };
    const rig = await createRunnerRig(context, { tickets: { hooks } });
    const steps = ["exit 0"];
    rig.server.set({ sessions: ["ONB-1", "ONB-2", "ONB-3", "ONB-4"].map((key) => rig.want(key, steps)) });
    await rig.waitForState("ONB-4", "ended");
    rig.server.set({ remove: [{ ticket: "ONB-4", run: 1, force: false }] });
    // While the hooks hang, other tickets go on.
    await rig.waitFor(() => rig.report("ONB-3")?.exit).toEqual({ reason: "exited", status: 0 });
    for (const [key, name] of [
      ["ONB-1", "after_create"],
      ["ONB-2", "before_run"],
    ] as const) {
      await rig.waitForState(key, "ended");
      expect(rig.report(key)?.exit).toEqual({ reason: "start_failed", text: `Hook ${name}: no end within 60 s` });
    }
    await rig.waitFor(() => rig.report("ONB-3")?.attention).toBe("Hook after_run: no end within 60 s");
    await rig.waitFor(() => existsSync(rig.worktree("ONB-4"))).toBe(false);
    expect(rig.output.join("")).toContain("Hook before_remove: no end within 60 s");
    expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toContain("sleep 987654");
  },
);
