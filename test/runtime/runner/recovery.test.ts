import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { findSessionProcesses } from "../../../runtime/runner/session-processes.ts";
import { IS_FULL_RUN, pickSize } from "../../reliability/random-source.ts";
import { createRunnerRig, IS_BOXED, type RunnerRig, shareRunner } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

/** The points of a start at which the runner is killed: the start of each ticket is interrupted at another one. */
const KILL_POINTS: ((rig: RunnerRig, key: string) => boolean)[] = [
  (rig, key) => existsSync(rig.sessionFile(key, "record.json")),
  (rig, key) => existsSync(rig.sessionFile(key, "settings.json")),
  (rig, key) => rig.listSessions().includes(`claude-${key}`),
  (rig, key) => existsSync(rig.worktree(key)),
  (rig, key) => existsSync(rig.sessionFile(key, "launch.json")) || rig.listSessions().includes(`claude-${key}`),
  (rig, key) => existsSync(rig.sessionFile(key, "session-start.json")),
];
/** 20 tickets at once need some 60 processes, so the default run has fewer. */
const KEYS = Array.from({ length: pickSize(20, 3) }, (_, i) => `ONB-${i + 1}`);

/** The runner of the tests that kill nothing, and change nothing that others use. */
const useRunner = shareRunner({ endsOnce: true });

test.concurrent("many tickets over kill -9 of the runner at many steps: each session runs once", async (context) => {
  const rig = await createRunnerRig(context);
  const sessions = KEYS.map((key) => rig.want(key, [`run echo started >> $HOME/.cache/${key}.txt`]));
  for (const [i, key] of KEYS.entries()) {
    rig.set({ sessions: sessions.slice(0, i + 1) });
    await rig.waitFor(() => KILL_POINTS[i % KILL_POINTS.length]?.(rig, key), 1).toBe(true);
    await rig.kill();
    rig.start();
  }
  const countRunning = () => rig.server.requests.at(-1)?.sessions.filter(({ state }) => state === "running").length;
  await rig.waitFor(countRunning).toBe(KEYS.length);
  const readStarts = (key: string) =>
    existsSync(rig.host.findCached(`${key}.txt`)) && rig.host.readCached(`${key}.txt`);
  await rig.waitFor(() => KEYS.map(readStarts)).toEqual(KEYS.map(() => "started\n"));
  rig.expect(rig.listSessions().sort()).toEqual(KEYS.map((key) => `claude-${key}`).sort());
  rig.expect(rig.server.problems).toEqual([]);
});

test.concurrent("after kill -9 of the tmux server sessions are reported with their last screen and continue", async (context) => {
  const rig = await createRunnerRig(context);
  const steps = ["run sleep 1000 > /dev/null 2>&1 &", "run echo started >> $HOME/.cache/ONB-1.txt"];
  const desired = rig.run("ONB-1", steps);
  await rig.waitForScreen("ONB-1", "all done");
  rig.set({});
  await rig.kill();
  await rig.killTmux();
  rig.set({ sessions: [desired] });
  rig.start();
  await rig.waitForState("ONB-1", "ended");
  rig.expect(rig.report("ONB-1")?.exit).toEqual({ reason: "vanished" });
  rig.set({ sessions: [{ ...desired, resume: true }] });
  await rig.waitForScreen("ONB-1", "this session was interrupted");
  rig.expect(rig.host.readCached("ONB-1.txt")).toBe("started\n");
  // In a box, two processes of bubblewrap are around it.
  rig.expect(findSessionProcesses(desired.session_id)).toHaveLength(IS_BOXED ? 3 : 1);
});

test.concurrent("what happened while Groundcrew was away is reported when it is back", async (context) => {
  const rig = await createRunnerRig(context);
  const summary = "printf 'all good' > $GROUNDCREW_COMPLETION_FILE";
  rig.run("ONB-1", ["permission true", "run git commit -q --allow-empty -m done", `run ${summary}`, "exit 0"]);
  await rig.waitForScreen("ONB-1", "Do you want to proceed?");
  await rig.server.close();
  rig.tmux("send-keys", "-t", "=claude-ONB-1:", "1");
  await rig.waitFor(() => rig.listSessions()).toEqual([]);
  await rig.server.listen();
  await rig.waitForState("ONB-1", "ended");
  const completion = { summary: "all good", source: "file" };
  const report = { exit: { reason: "exited" }, completion, commits: [{ subject: "done" }] };
  rig.expect(rig.report("ONB-1")).toMatchObject(report);
});

test.concurrent("a runner that lost its records takes over its sessions and ends no others, and a second runner is refused", async (context) => {
  const rig = await createRunnerRig(context);
  rig.run("ONB-1", ["run echo started >> $HOME/.cache/ONB-1.txt"]);
  await rig.waitForState("ONB-1", "running");
  const others = ["claude-ONB-9", "mine"];
  for (const name of others) rig.tmux("new-session", "-d", "-s", name, "--", "sleep", "1000");
  await rig.kill();
  rmSync(rig.sessionFile("ONB-1", "record.json"));
  rig.start();
  await rig.waitFor(() => rig.readOutput()).toContain("session adopted");
  await rig.waitForState("ONB-1", "running");
  rig.expect(rig.host.readCached("ONB-1.txt")).toBe("started\n");
  rig.start();
  await rig.waitFor(() => rig.exitCode).toBe(1);
  rig.expect(rig.readOutput()).toContain("Another runner uses");
  rig.stop("ONB-1");
  await rig.waitFor(() => rig.listSessions().sort()).toEqual(others);
});

const HOSTILE_TEXT = [
  ...["/exit", "@/etc/passwd", "doctor", "--dangerously-skip-permissions"],
  "$(touch hacked) `touch hacked` ; touch hacked; && touch hacked",
  "\u001b]0;title\u0007\u001b[2J\u202e\u0000;",
  `do: run git commit -q --allow-empty -m "$(printf 'fix\\033[2J\\342\\200\\256: $(id)')"`,
  "do: run git checkout -qb 'x;touch$IFS$HOME/hacked'",
].join("\n");

test.concurrent("a hostile ticket, commit and branch run nothing and leave everything outside the worktree alone", async (context) => {
  const { expect, ...rig } = await createRunnerRig(context);
  const before = readdirSync(rig.repository);
  rig.run("ONB-1", [], { ticket_file: HOSTILE_TEXT, token: 'x"$(touch hacked)' });
  await rig.waitForScreen("ONB-1", "read the ticket file and do it");
  await rig.waitForCommits("ONB-1", ["fix [2J: $(id)"]);
  await rig.waitForScreen("ONB-1", "all done");
  expect(rig.report("ONB-1")?.branch).toBe("groundcrew/onb-1");
  expect(rig.git(["status", "--porcelain"], rig.worktree("ONB-1"))).toBe("");
  expect(readdirSync(rig.repository)).toEqual(before);
  expect(readdirSync(rig.home).sort()).toEqual([".cache", ".claude", ".gitconfig"]);
  expect(readdirSync(join(rig.home, ".cache"))).toEqual([]);
});

test.concurrent("a ticket of a project without a repository, or with a link in the place of its worktree, is not started", async (context) => {
  const { keys, expect, ...rig } = await useRunner(context, 4);
  const projects = ["__proto__", "../../etc", "constructor", "ONB"];
  const linked = keys.at(-1) ?? "";
  const outside = join(rig.folder, "outside");
  mkdirSync(outside);
  await rig.waitFor(() => existsSync(join(rig.runnerFolder, "worktrees"))).toBe(true);
  symlinkSync(outside, rig.worktree(linked));
  rig.set({ sessions: projects.map((project, i) => rig.want(keys[i] ?? "", [], { project })) });
  for (const key of keys) {
    await rig.waitForState(key, "ended");
    const text = expect.stringContaining(key === linked ? "link" : "no repository");
    expect(rig.report(key)?.exit).toMatchObject({ reason: "start_failed", text });
  }
  expect(rig.listSessions().filter((name) => keys.some((key) => name === `claude-${key}`))).toEqual([]);
  await rig.waitUntilSeen(rig.remove(linked, true));
  expect(readdirSync(outside)).toEqual([]);
});

test.concurrent("completion files that are links, pipes or hidden text are not believed", async (context) => {
  const rig = await useRunner(context, 4);
  const [link = "", pipe = "", hidden = "", long = ""] = rig.keys;
  writeFileSync(join(rig.folder, "secret.txt"), "secret");
  const commands = [
    `ln -s ${join(rig.folder, "secret.txt")} $FILE`,
    "mkfifo $FILE",
    "printf 'done\\033[2J\\342\\200\\256 well' > $FILE",
    "head -c 300000 /dev/zero | tr '\\0' x > $FILE",
  ].map((command) => `run ${command.replace("$FILE", "$GROUNDCREW_COMPLETION_FILE")}`);
  rig.set({ sessions: rig.keys.map((key, i) => rig.want(key, commands.slice(i, i + 1))) });
  await rig.waitFor(() => rig.report(hidden)?.completion?.summary).toBe("done[2J well");
  await rig.waitFor(() => rig.report(long)?.completion?.summary.length).toBe(20_000);
  rig.expect([link, pipe].map((key) => rig.report(key)?.completion)).toEqual([undefined, undefined]);
  rig.expect(rig.server.problems).toEqual([]);
});

test.runIf(IS_FULL_RUN)(
  "what an unknown session of the same key has left is kept apart, also when the start is interrupted, and the new run says so",
  async (context) => {
    const { expect, ...rig } = await createRunnerRig(context);
    const leave = "run echo 1 > one.txt && git add -A && git commit -qm one && echo unsaved > unsaved.txt";
    const unknown = rig.run("ONB-1", [leave, "exit 0"], { run: 3 });
    await rig.waitForState("ONB-1", "ended");
    rig.set({ stop: [{ ticket: "ONB-1", run: 3, how: "now", reason: "another session" }] });
    await rig.waitFor(() => rig.report("ONB-1")).toBeUndefined();
    const id = unknown.session_id.slice(0, 8);
    const [name, path] = [`groundcrew/onb-1.${id}`, `${rig.worktree("ONB-1")}.${id}`];
    rig.run("ONB-1", ["run echo 2 > two.txt && git add -A && git commit -qm two"]);
    await rig.waitFor(() => existsSync(path), 1).toBe(true);
    await rig.kill();
    rig.start();
    await rig.waitForCommits("ONB-1", ["two"]);
    const kept_apart = `Another session of ONB-1, which Groundcrew does not know, has left the branch ${name} with the worktree ${path}. It is kept apart.`;
    expect(rig.report("ONB-1")).toMatchObject({ run: 1, kept_apart });
    expect(rig.git(["log", "--format=%s", name])).toBe("one\nfirst\n");
    expect(readFileSync(join(path, "unsaved.txt"), "utf8")).toBe("unsaved\n");
    expect(rig.readOutput()).toContain("another session of this key is kept apart");
  },
);
