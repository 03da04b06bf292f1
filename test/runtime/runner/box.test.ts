import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { hasProgram } from "../../support/has-program.ts";
import { createRunnerRig, REFUSED_BOX, type RunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 240_000 });

/** Where CI is set, a missing bubblewrap is a failure. */
const canBox = hasProgram("bwrap");
const isClone = (rig: RunnerRig, key: string) => statSync(join(rig.worktree(key), ".git")).isDirectory();
const listRefs = (rig: RunnerRig) => rig.git(["for-each-ref", "--format=%(refname)"]).trim().split("\n");
const commit = (name: string) => `run echo ${name} > ${name}.txt && git add -A && git commit -qm ${name}`;

/** Writes other settings of tickets, which count from the next start of the runner. */
function changeSettings(rig: RunnerRig, tickets: object) {
  const path = join(rig.folder, "config.json");
  const settings = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ tickets: { ...settings.tickets, ...tickets } }));
}

test.runIf(canBox)(
  "a boxed session works in a clone, whose branch comes back and which is removed without loss",
  async () => {
    const secret = "printf boxed; test ! -e $HOME/secret && echo ran > ran.txt";
    const rig = await createRunnerRig(
      { expect, onTestFinished },
      { isBoxed: true, repository: { test_command: secret } },
    );
    writeFileSync(join(rig.home, "secret"), "of the user");
    const side = "run git switch -qc side && git commit -q --allow-empty -m side && git switch -q groundcrew/onb-1";
    const desired = rig.want("ONB-1", [commit("made"), side]);
    rig.server.set({ sessions: [desired] });
    await rig.waitFor(() => rig.report("ONB-1")?.commits.map(({ subject }) => subject)).toEqual(["made"]);
    rig.server.set({ sessions: [desired], test: [{ ticket: "ONB-1", run: 1, id: "tests" }] });
    await rig.waitFor(() => rig.report("ONB-1")?.tests).toMatchObject({ id: "tests" });
    await rig.waitFor(() => rig.report("ONB-1")?.dirty).toBe(true);
    expect(rig.report("ONB-1")?.tests).not.toHaveProperty("problem");
    expect(readFileSync(join(rig.worktree("ONB-1"), "ran.txt"), "utf8")).toBe("ran\n");
    expect(isClone(rig, "ONB-1")).toBe(true);
    expect(rig.git(["worktree", "list"]).trim().split("\n")).toHaveLength(1);
    expect(rig.git(["log", "--format=%s %an", "groundcrew/onb-1", "-1"])).toBe("made Test\n");
    expect(listRefs(rig)).not.toContain("refs/heads/side");
    rig.git(["merge", "--quiet", "groundcrew/onb-1"]);

    const stop = { ticket: "ONB-1", run: 1, how: "kindly", reason: "over" } as const;
    rig.server.set({ stop: [stop] });
    await rig.waitForState("ONB-1", "ended");
    const remove = { ticket: "ONB-1", run: 1, force: false };
    // What keeps the worktree stands in the record, also after Groundcrew knows the end.
    const readRecord = () => readFileSync(rig.sessionFile("ONB-1", "record.json"), "utf8");
    rig.server.set({ remove: [remove] });
    await rig.waitFor(readRecord).toContain("changes that are not committed");
    rig.git(["clean", "-fdq"], rig.worktree("ONB-1"));
    rig.server.set({ remove: [remove] });
    await rig.waitFor(readRecord).toContain("commits that are on no branch of its repository");
    rig.git(["branch", "-D", "--quiet", "side"], rig.worktree("ONB-1"));
    rig.server.set({ remove: [remove] });
    await rig.waitFor(() => existsSync(rig.worktree("ONB-1"))).toBe(false);
    await rig.waitFor(() => listRefs(rig)).toEqual(["refs/heads/main"]);
    expect(readdirSync(join(rig.runnerFolder, "git")).filter((name) => name.startsWith("ONB"))).toEqual([]);
  },
);

test.runIf(canBox)("a worktree becomes a clone with all its changes when its sessions are boxed", async () => {
  const rig = await createRunnerRig({ expect, onTestFinished }, { tickets: { sandbox: "off" } });
  const first = rig.want("ONB-1", [
    commit("made"),
    "run echo staged > staged.txt && git add staged.txt && echo new > new.txt",
  ]);
  rig.server.set({ sessions: [first] });
  await rig.waitFor(() => rig.report("ONB-1")?.screen).toContain("all done");
  expect(isClone(rig, "ONB-1")).toBe(false);
  rig.server.set({ stop: [{ ticket: "ONB-1", run: 1, how: "kindly", reason: "over" }] });
  await rig.waitForState("ONB-1", "ended");
  await rig.kill();
  changeSettings(rig, { sandbox: "required" });
  rig.start();
  rig.server.set({ sessions: [{ ...rig.want("ONB-1", ["run true"]), run: 2 }] });
  await rig.waitForState("ONB-1", "running");
  expect(isClone(rig, "ONB-1")).toBe(true);
  expect(rig.git(["status", "--porcelain"], rig.worktree("ONB-1"))).toBe("A  staged.txt\n?? new.txt\n");
  expect(rig.git(["worktree", "list"]).trim().split("\n")).toHaveLength(1);
  expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-1"])).toBe("made\n");
});

test.runIf(canBox)("a branch that somebody else has changed is not overwritten, and the reason is said", async () => {
  const rig = await createRunnerRig({ expect, onTestFinished }, { isBoxed: true });
  rig.server.set({ sessions: [rig.want("ONB-1", [commit("first")])] });
  await rig.waitFor(() => rig.report("ONB-1")?.commits.length).toBe(1);
  rig.git([
    "update-ref",
    "refs/heads/groundcrew/onb-1",
    rig.git(["commit-tree", "-m", "by a person", "main^{tree}"]).trim(),
  ]);
  mkdirSync(join(rig.worktree("ONB-1"), "by-hand"));
  writeFileSync(join(rig.worktree("ONB-1"), "by-hand/file.txt"), "hand\n");
  rig.git(["add", "-A"], rig.worktree("ONB-1"));
  rig.git(["commit", "--quiet", "-m", "more"], rig.worktree("ONB-1"));
  await rig.waitFor(() => rig.report("ONB-1")?.attention).toContain("Somebody has changed the branch groundcrew/onb-1");
  expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-1"])).toBe("by a person\n");
});

test("with sandbox required no session starts where no box works, and the reason is said", async () => {
  const rig = await createRunnerRig({ expect, onTestFinished }, { isBoxed: true, programs: REFUSED_BOX });
  rig.server.set({ sessions: [rig.want("ONB-1", [commit("made")])] });
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toMatchObject({ reason: "start_failed" });
  expect(rig.report("ONB-1")?.exit?.text).toContain("sandbox is required for ONB, and no box works here");
  expect(rig.report("ONB-1")?.exit?.text).toContain("No permissions to create new namespace");
  expect(existsSync(rig.worktree("ONB-1"))).toBe(false);
  const check = () => rig.server.requests.at(-1)?.checks?.find(({ name }) => name === "box");
  await rig
    .waitFor(check)
    .toMatchObject({ status: "failed", detail: expect.stringContaining("ONB: no session starts") });
});

test("with sandbox auto a session runs without a box where none works, and the check and the log say so", async () => {
  const options = { tickets: { sandbox: "auto" }, programs: REFUSED_BOX };
  const rig = await createRunnerRig({ expect, onTestFinished }, options);
  rig.server.set({ sessions: [rig.want("ONB-1", [commit("made")])] });
  await rig.waitFor(() => rig.report("ONB-1")?.commits.length).toBe(1);
  expect(isClone(rig, "ONB-1")).toBe(false);
  const check = () => rig.server.requests.at(-1)?.checks?.find(({ name }) => name === "box");
  await rig.waitFor(check).toMatchObject({ status: "warning", detail: expect.stringContaining("without a box") });
  expect(rig.output.join("")).toContain("session without a box");
});
