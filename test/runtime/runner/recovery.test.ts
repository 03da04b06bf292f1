import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { findSessionProcesses } from "../../../runtime/runner/claude-process.ts";
import { createRunnerRig, type RunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

/** 20 tickets at once need some 60 processes, so the default run has fewer. */
const COUNT = process.env["FULL"] ? 20 : 6;
const KEYS = Array.from({ length: COUNT }, (_, i) => `ONB-${i + 1}`);
/** The points of a start at which the runner is killed: the start of each ticket is interrupted at another one. */
const KILL_POINTS: ((rig: RunnerRig, key: string) => boolean)[] = [
  (rig, key) => existsSync(rig.sessionFile(key, "record.json")),
  (rig, key) => existsSync(rig.worktree(key)),
  (rig, key) => existsSync(rig.sessionFile(key, "settings.json")),
  (rig, key) => existsSync(rig.sessionFile(key, "launch.json")) || rig.listSessions().includes(`claude-${key}`),
  (rig, key) => rig.listSessions().includes(`claude-${key}`),
  (rig, key) => existsSync(rig.sessionFile(key, "session-start.json")),
];

const countStarts = (rig: RunnerRig, key: string) => readFileSync(join(rig.home, `${key}.txt`), "utf8");

test.concurrent("many tickets over kill -9 of the runner at many steps: each session runs once", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const sessions = KEYS.map((key) => rig.want(key, [`run echo started >> $HOME/${key}.txt`]));
  for (const [i, key] of KEYS.entries()) {
    rig.server.set({ sessions: sessions.slice(0, i + 1) });
    await rig.waitFor(() => KILL_POINTS[i % KILL_POINTS.length]?.(rig, key), 1).toBe(true);
    await rig.kill();
    rig.start();
  }
  await rig
    .waitFor(() => rig.server.requests.at(-1)?.sessions.filter(({ state }) => state === "running").length)
    .toBe(COUNT);
  await rig
    .waitFor(() => KEYS.map((key) => existsSync(join(rig.home, `${key}.txt`)) && countStarts(rig, key)))
    .toEqual(KEYS.map(() => "started\n"));
  expect(rig.listSessions().sort()).toEqual(KEYS.map((key) => `claude-${key}`).sort());
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("after kill -9 of the tmux server sessions are reported with their last screen and continue", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const desired = rig.want("ONB-1", ["run sleep 1000 > /dev/null 2>&1 &", "run echo started >> $HOME/ONB-1.txt"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen ?? "").toContain("all done");
  rig.server.set({});
  await rig.kill();
  await rig.killTmux();
  rig.server.set({ sessions: [desired] });
  rig.start();
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toEqual({ reason: "vanished" });
  rig.server.set({ sessions: [{ ...desired, resume: true }] });
  await rig.waitForState("ONB-1", "running");
  await rig.waitFor(() => rig.report("ONB-1")?.screen ?? "").toContain("this session was interrupted");
  expect(countStarts(rig, "ONB-1")).toBe("started\n");
  expect(findSessionProcesses(desired.session_id)).toHaveLength(1);
});

test.concurrent("what happened while Groundcrew was away is reported when it is back", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const summary = "printf 'all good' > $GROUNDCREW_COMPLETION_FILE";
  const steps = ["permission true", "run git commit -q --allow-empty -m done", `run ${summary}`, "exit 0"];
  const desired = rig.want("ONB-1", steps);
  rig.server.set({ sessions: [desired] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen ?? "").toContain("Do you want to proceed?");
  await rig.server.close();
  rig.tmux("send-keys", "-t", "=claude-ONB-1:", "1");
  await rig.waitFor(() => rig.listSessions()).toEqual([]);
  await rig.server.listen();
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")).toMatchObject({
    exit: { reason: "exited" },
    completion: { summary: "all good", source: "file" },
    commits: [{ subject: "done" }],
  });
});

test.concurrent("a runner that lost its records takes over its sessions, and a second runner is refused", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const desired = rig.want("ONB-1", ["run echo started >> $HOME/ONB-1.txt"]);
  rig.server.set({ sessions: [desired] });
  await rig.waitForState("ONB-1", "running");
  await rig.kill();
  rmSync(rig.sessionFile("ONB-1", "record.json"));
  rig.start();
  await rig.waitFor(() => rig.output.join("")).toContain("session adopted");
  await rig.waitForState("ONB-1", "running");
  expect(countStarts(rig, "ONB-1")).toBe("started\n");
  rig.start();
  await rig.waitFor(() => rig.exitCode).toBe(1);
  expect(rig.output.join("")).toContain("Another runner uses");
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "cancelled by Ada" }] });
  await rig.waitFor(() => rig.listSessions()).toEqual([]);
});

test.concurrent("a run that was approved again starts anew on the same branch", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const first = rig.want("ONB-1", ["run echo 1 > one.txt && git add -A && git commit -qm one", "exit 0"]);
  rig.server.set({ sessions: [first] });
  await rig.waitForState("ONB-1", "ended");
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "seen" }] });
  await rig.waitFor(() => rig.report("ONB-1")).toBeUndefined();
  rig.server.set({
    sessions: [rig.want("ONB-1", ["run echo 2 > two.txt && git add -A && git commit -qm two"], { run: 2 })],
  });
  await rig.waitFor(() => rig.report("ONB-1")?.commits.map(({ subject }) => subject)).toEqual(["two", "one"]);
  expect(rig.report("ONB-1")?.run).toBe(2);
});
