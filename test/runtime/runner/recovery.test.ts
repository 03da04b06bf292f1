import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, vi } from "vitest";
import { findSessionProcesses } from "../../../runtime/runner/session-processes.ts";
import { createRunnerRig, IS_BOXED, type RunnerRig, shareRunner, WITHOUT_BOX } from "./runner-rig.ts";

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

/** The runner of the tests that kill nothing, and change nothing that others use. */
const useRunner = shareRunner({ endsOnce: true });

const countStarts = (rig: RunnerRig, key: string) => rig.host.readCached(`${key}.txt`);

test.concurrent("many tickets over kill -9 of the runner at many steps: each session runs once", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const sessions = KEYS.map((key) => rig.want(key, [`run echo started >> $HOME/.cache/${key}.txt`]));
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
    .waitFor(() => KEYS.map((key) => existsSync(rig.host.findCached(`${key}.txt`)) && countStarts(rig, key)))
    .toEqual(KEYS.map(() => "started\n"));
  expect(rig.listSessions().sort()).toEqual(KEYS.map((key) => `claude-${key}`).sort());
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("after kill -9 of the tmux server sessions are reported with their last screen and continue", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const desired = rig.want("ONB-1", [
    "run sleep 1000 > /dev/null 2>&1 &",
    "run echo started >> $HOME/.cache/ONB-1.txt",
  ]);
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
  // In a box, two processes of bubblewrap are around it.
  expect(findSessionProcesses(desired.session_id)).toHaveLength(IS_BOXED ? 3 : 1);
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

test.concurrent("answers of a Groundcrew that is slow reach a runner whose sessions change faster than it answers", async (context) => {
  const rig = await createRunnerRig(context);
  // Longer than the time after which changed details of sessions end the wait for an answer.
  rig.server.slowness.ms = 3_000;
  const commits = "for i in $(seq 900); do git commit -q --allow-empty -m $i; sleep 0.2; done";
  rig.server.set({ sessions: [rig.want("ONB-1", [`run ${commits}`])] });
  await rig.waitFor(() => rig.report("ONB-1")?.commits.length).toBeGreaterThan(5);
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "now", reason: "cancelled by Ada" }] });
  await rig.waitForState("ONB-1", "ended");
});

test.concurrent("a runner that lost its records takes over its sessions, and a second runner is refused", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const desired = rig.want("ONB-1", ["run echo started >> $HOME/.cache/ONB-1.txt"]);
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
  const rig = await useRunner(context);
  const { key } = rig;
  const first = rig.want(key, ["run echo 1 > one.txt && git add -A && git commit -qm one", "exit 0"]);
  rig.set({ sessions: [first] });
  await rig.waitForState(key, "ended");
  rig.set({ stop: [{ ticket: key, run: 1, how: "now", reason: "seen" }] });
  await rig.waitFor(() => rig.report(key)).toBeUndefined();
  rig.set({
    sessions: [rig.want(key, ["run echo 2 > two.txt && git add -A && git commit -qm two"], { run: 2 })],
  });
  await rig.waitFor(() => rig.report(key)?.commits.map(({ subject }) => subject)).toEqual(["two", "one"]);
  expect(rig.report(key)?.run).toBe(2);
});

test.concurrent("what an unknown session of the same key has left is kept apart, also when the start is interrupted, and the new run says so", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const leave = "run echo 1 > one.txt && git add -A && git commit -qm one && echo unsaved > unsaved.txt";
  const unknown = rig.want("ONB-1", [leave, "exit 0"], { run: 3 });
  rig.server.set({ sessions: [unknown] });
  await rig.waitForState("ONB-1", "ended");
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 3, how: "now", reason: "another session" }] });
  await rig.waitFor(() => rig.report("ONB-1")).toBeUndefined();
  const [name, path] = ["groundcrew/onb-1", rig.worktree("ONB-1")].map(
    (text) => `${text}.${unknown.session_id.slice(0, 8)}`,
  );
  rig.server.set({ sessions: [rig.want("ONB-1", ["run echo 2 > two.txt && git add -A && git commit -qm two"])] });
  await rig.waitFor(() => existsSync(path ?? ""), 1).toBe(true);
  await rig.kill();
  rig.start();
  await rig.waitFor(() => rig.report("ONB-1")?.commits.map(({ subject }) => subject)).toEqual(["two"]);
  expect(rig.report("ONB-1")).toMatchObject({
    run: 1,
    kept_apart: `Another session of ONB-1, which Groundcrew does not know, has left the branch ${name} with the worktree ${path}. It is kept apart.`,
  });
  expect(rig.git(["log", "--format=%s", name ?? ""])).toBe("one\nfirst\n");
  expect(readFileSync(join(path ?? "", "unsaved.txt"), "utf8")).toBe("unsaved\n");
  expect(rig.output.join("")).toContain("another session of this key is kept apart");
});

const SHARED_KEYS = ["ONB-1", "ONB-2", "ONB-3", "ONB-4"];

/**
 * Creates a program `git` that writes down which changes of worktrees and branches begin while another one runs, and
 * passes every call on to the real git.
 */
function createWatchfulGit() {
  const folder = mkdtempSync(join(tmpdir(), "gcr-git-"));
  const overlaps = join(folder, "overlaps.txt");
  const changes = join(folder, "changes.txt");
  const script = `#!/bin/sh
PATH="\${PATH#${folder}:}"
case " $* " in
*" worktree "*|*" branch -D "*)
  echo "$*" >> ${changes}
  mkdir ${folder}/busy 2>/dev/null || echo "$*" >> ${overlaps}
  git "$@"
  status=$?
  rmdir ${folder}/busy 2>/dev/null
  exit $status;;
esac
exec git "$@"
`;
  writeFileSync(join(folder, "git"), script);
  chmodSync(join(folder, "git"), 0o755);
  const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : []);
  return {
    path: [folder, dirname(process.execPath), process.env["PATH"]].join(":"),
    readOverlaps: () => read(overlaps),
    readChanges: () => read(changes),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

test("worktrees of one repository are created and removed one after the other, however many tickets change at once", async (context) => {
  const { expect, onTestFinished } = context;
  const git = createWatchfulGit();
  onTestFinished(git.remove);
  const rig = await createRunnerRig(context, { tickets: WITHOUT_BOX, env: { PATH: git.path }, endsOnce: true });
  rig.server.set({ sessions: SHARED_KEYS.map((key) => rig.want(key, ["exit 0"])) });
  for (const key of SHARED_KEYS) await rig.waitForState(key, "ended");
  rig.server.set({ remove: SHARED_KEYS.map((ticket) => ({ ticket, run: 1, force: false })) });
  await rig.waitFor(() => rig.git(["branch", "--format=%(refname:short)"])).toBe("main\n");
  expect(SHARED_KEYS.map((key) => existsSync(rig.worktree(key)))).toEqual([false, false, false, false]);
  expect(git.readChanges().filter((line) => line.includes("worktree add"))).toHaveLength(SHARED_KEYS.length);
  expect(git.readOverlaps()).toEqual([]);
});

const HOSTILE_TEXT = [
  "/exit",
  "@/etc/passwd",
  "doctor",
  "--dangerously-skip-permissions",
  "$(touch hacked) `touch hacked` ; touch hacked; && touch hacked",
  "\u001b]0;title\u0007\u001b[2J\u202e\u0000;",
].join("\n");

test.concurrent("a hostile ticket runs nothing and leaves everything outside its worktree alone", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const desired = rig.want("ONB-1");
  const before = readdirSync(rig.repository);
  rig.server.set({ sessions: [{ ...desired, ticket_file: HOSTILE_TEXT, token: 'x"$(touch hacked)' }] });
  await rig.waitForState("ONB-1", "running");
  await rig.waitFor(() => rig.report("ONB-1")?.screen ?? "").toContain("read the ticket file and do it");
  expect(existsSync(join(rig.worktree("ONB-1"), "hacked"))).toBe(false);
  expect(rig.git(["status", "--porcelain"], rig.worktree("ONB-1"))).toBe("");
  expect(readdirSync(rig.repository)).toEqual(before);
  expect(readdirSync(rig.home).sort()).toEqual([".cache", ".claude", ".gitconfig"]);
  expect(readdirSync(join(rig.home, ".cache"))).toEqual([]);
});

test.concurrent("a ticket of a project without a repository is not started", async (context) => {
  const { expect } = context;
  const rig = await useRunner(context, 3);
  const projects = ["__proto__", "../../etc", "constructor"];
  rig.set({ sessions: projects.map((project, i) => rig.want(rig.keys[i] ?? "", [], { project })) });
  for (const key of rig.keys) {
    await rig.waitForState(key, "ended");
    const exit = { reason: "start_failed", text: expect.stringContaining("no repository") };
    expect(rig.report(key)?.exit).toMatchObject(exit);
  }
  expect(rig.listSessions().filter((name) => rig.keys.some((key) => name === `claude-${key}`))).toEqual([]);
});

test.concurrent("a link in the place of a worktree is not followed", async (context) => {
  const { expect } = context;
  const rig = await useRunner(context);
  const { key } = rig;
  const outside = join(rig.folder, "outside");
  mkdirSync(outside);
  await rig.waitFor(() => existsSync(join(rig.runnerFolder, "worktrees"))).toBe(true);
  symlinkSync(outside, rig.worktree(key));
  rig.set({ sessions: [rig.want(key)] });
  await rig.waitForState(key, "ended");
  expect(rig.report(key)?.exit).toMatchObject({ reason: "start_failed", text: expect.stringContaining("link") });
  await rig.waitUntilSeen(rig.set({ remove: [{ ticket: key, run: 1, force: true }] }));
  expect(readdirSync(outside)).toEqual([]);
});

test.concurrent("completion files that are links, pipes or hidden text are not believed", async (context) => {
  const { expect } = context;
  const rig = await useRunner(context, 4);
  const [link = "", pipe = "", hidden = "", long = ""] = rig.keys;
  writeFileSync(join(rig.folder, "secret.txt"), "secret");
  const file = "$GROUNDCREW_COMPLETION_FILE";
  rig.set({
    sessions: [
      rig.want(link, [`run ln -s ${join(rig.folder, "secret.txt")} ${file}`]),
      rig.want(pipe, [`run mkfifo ${file}`]),
      rig.want(hidden, [`run printf 'done\\033[2J\\342\\200\\256 well' > ${file}`]),
      rig.want(long, [`run head -c 300000 /dev/zero | tr '\\0' x > ${file}`]),
    ],
  });
  await rig.waitFor(() => rig.report(hidden)?.completion?.summary).toBe("done[2J well");
  await rig.waitFor(() => rig.report(long)?.completion?.summary.length).toBe(20_000);
  expect(rig.report(link)?.completion).toBeUndefined();
  expect(rig.report(pipe)?.completion).toBeUndefined();
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("names of branches, files and commits are data, and programs in the repository's settings do not run", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const hostile = "run printf '#!/bin/sh\\ntouch $HOME/hacked' > ../evil.sh; chmod +x ../evil.sh";
  const config = ["core.fsmonitor", "core.hooksPath", "diff.external", "core.pager"];
  rig.server.set({
    sessions: [
      rig.want("ONB-1", [
        hostile,
        "run echo changed > readme.txt && git add -A && git commit -qm \"$(printf 'fix\\033[2J\\342\\200\\256: $(id)')\"",
        "run git checkout -qb 'x;touch$IFS$HOME/hacked'",
        ...config.map((name) => `run git config ${name} $PWD/../evil.sh`),
      ]),
    ],
  });
  await rig.waitFor(() => rig.report("ONB-1")?.commits.map(({ subject }) => subject)).toEqual(["fix [2J: $(id)"]);
  writeFileSync(join(rig.repository, "readme.txt"), "other\n");
  execFileSync(
    "git",
    [
      "-c",
      "user.name=a",
      "-c",
      "user.email=a@b.c",
      "-c",
      "core.fsmonitor=false",
      "-c",
      "core.hooksPath=/dev/null",
      "commit",
      "-qam",
      "other",
    ],
    { cwd: rig.repository },
  );
  await rig.waitFor(() => rig.report("ONB-1")?.conflicts).toEqual(["readme.txt"]);
  expect(rig.report("ONB-1")?.branch).toBe("groundcrew/onb-1");
  expect(existsSync(join(rig.home, "hacked"))).toBe(false);
});
