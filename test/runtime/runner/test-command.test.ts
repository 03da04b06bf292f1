import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const COMMIT = "run echo hello > made.txt && git add made.txt && git commit -qm 'feat: made'";

test.concurrent("the runner runs the test command of its own settings once for each wish, while the session goes on and after it", async ({
  expect,
  onTestFinished,
}) => {
  // It passes from its second run on.
  const test_command = `echo "$GROUNDCREW_TICKET $RUNNER_TOKEN" >> ../runs.txt; test $(wc -l < ../runs.txt) -gt 1`;
  const rig = await createRunnerRig({ expect, onTestFinished }, { repository: { test_command } });
  const session = rig.want("ONB-1", [COMMIT]);
  rig.server.set({ sessions: [session] });
  await rig.waitFor(() => rig.report("ONB-1")?.commits.length).toBe(1);
  const commit = rig.report("ONB-1")?.commits[0]?.id;
  rig.server.set({ sessions: [session], test: [{ ticket: "ONB-1", run: 1, id: "first" }] });
  await rig
    .waitFor(() => rig.report("ONB-1")?.tests)
    .toEqual({ id: "first", commit, problem: "Test command: exit code 1" });
  expect(rig.report("ONB-1")?.state).toBe("running");

  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "over" }] });
  await rig.waitForState("ONB-1", "ended");
  rig.server.set({
    stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "over" }],
    test: [{ ticket: "ONB-1", run: 1, id: "second" }],
  });
  await rig.waitFor(() => rig.report("ONB-1")?.tests).toEqual({ id: "second", commit });
  expect(readFileSync(join(rig.runnerFolder, "worktrees/runs.txt"), "utf8")).toBe("ONB-1 \nONB-1 \n");
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("a runner without a test command says so, and a wish of another run changes nothing", async ({
  expect,
  onTestFinished,
}) => {
  const rig = await createRunnerRig({ expect, onTestFinished });
  const session = rig.want("ONB-1");
  rig.server.set({ sessions: [session], test: [{ ticket: "ONB-1", run: 2, id: "other" }] });
  await rig.waitForState("ONB-1", "running");
  rig.server.set({ sessions: [session], test: [{ ticket: "ONB-1", run: 1, id: "wish" }] });
  await rig
    .waitFor(() => rig.report("ONB-1")?.tests)
    .toEqual({
      id: "wish",
      problem: "This runner has no test_command for the repository.",
    });
});
