import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { hasProgram } from "../../support/has-program.ts";
import { createRunnerRig, REFUSED_BOX, type RunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 240_000 });

/** Where CI is set, a missing bubblewrap is a failure. */
const canBox = hasProgram("bwrap");
const isClone = (rig: RunnerRig, key: string) => statSync(join(rig.worktree(key), ".git")).isDirectory();
const commit = (name: string) => `run echo ${name} > ${name}.txt && git add -A && git commit -qm ${name}`;
const createRig = (options: Parameters<typeof createRunnerRig>[1]) =>
  createRunnerRig({ expect, onTestFinished }, options);
const findCheck = (rig: RunnerRig) => rig.server.requests.at(-1)?.checks?.find(({ name }) => name === "box");

test.runIf(canBox)(
  "a boxed session works in a clone, whose branch comes back and which is removed without loss; a branch that somebody else has changed is not overwritten",
  async () => {
    const test_command = "printf boxed; test ! -e $HOME/secret && echo ran > ran.txt";
    const rig = await createRig({ isBoxed: true, repository: { test_command } });
    const listRefs = () => rig.git(["for-each-ref", "--format=%(refname)"]).trim().split("\n");
    writeFileSync(join(rig.home, "secret"), "of the user");
    const side = "run git switch -qc side && git commit -q --allow-empty -m side && git switch -q groundcrew/onb-1";
    const sessions = [rig.want("ONB-1", [commit("made"), side]), rig.want("ONB-2", [commit("first")])];
    rig.set({ sessions });
    await rig.waitForCommits("ONB-1", ["made"]);
    await rig.waitForCommits("ONB-2", ["first"]);
    rig.set({ sessions, test: [{ ticket: "ONB-1", run: 1, id: "tests" }] });
    await rig.waitFor(() => rig.report("ONB-1")).toMatchObject({ tests: { id: "tests" }, dirty: true });
    expect(rig.report("ONB-1")?.tests).not.toHaveProperty("problem");
    expect(readFileSync(join(rig.worktree("ONB-1"), "ran.txt"), "utf8")).toBe("ran\n");
    expect(isClone(rig, "ONB-1")).toBe(true);
    expect(rig.git(["worktree", "list"]).trim().split("\n")).toHaveLength(1);
    expect(rig.git(["log", "--format=%s %an", "groundcrew/onb-1", "-1"])).toBe("made Test\n");
    expect(listRefs()).not.toContain("refs/heads/side");

    const byPerson = rig.git(["commit-tree", "-m", "by a person", "main^{tree}"]).trim();
    rig.git(["update-ref", "refs/heads/groundcrew/onb-2", byPerson]);
    rig.git(["commit", "--quiet", "--allow-empty", "-m", "more"], rig.worktree("ONB-2"));
    const attention = "Somebody has changed the branch groundcrew/onb-2";
    await rig.waitFor(() => rig.report("ONB-2")?.attention).toContain(attention);
    expect(rig.git(["log", "-1", "--format=%s", "groundcrew/onb-2"])).toBe("by a person\n");

    rig.git(["merge", "--quiet", "groundcrew/onb-1"]);
    rig.stop("ONB-1", "kindly");
    await rig.waitForState("ONB-1", "ended");
    // What keeps the worktree stands in the record, also after Groundcrew knows the end.
    const waitForReason = (reason: string) => {
      rig.remove("ONB-1");
      return rig.waitFor(() => JSON.stringify(rig.readRecord("ONB-1"))).toContain(reason);
    };
    await waitForReason("changes that are not committed");
    rig.git(["clean", "-fdq"], rig.worktree("ONB-1"));
    await waitForReason("commits that are on no branch of its repository");
    rig.git(["branch", "-D", "--quiet", "side"], rig.worktree("ONB-1"));
    rig.remove("ONB-1");
    await rig.waitFor(() => existsSync(rig.worktree("ONB-1"))).toBe(false);
    await rig.waitFor(() => listRefs().filter((ref) => /onb-1$/i.test(ref))).toEqual([]);
    const clones = readdirSync(join(rig.runnerFolder, "git"));
    expect(clones.filter((name) => name.startsWith("ONB-1"))).toEqual([]);
  },
);

test("where no box works, sandbox required starts no session and auto one without a box, and check, report and log say so", async () => {
  const rig = await createRig({ isBoxed: true, programs: REFUSED_BOX });
  rig.run("ONB-1");
  await rig.waitFor(() => rig.report("ONB-1")?.exit).toMatchObject({ reason: "start_failed" });
  expect(rig.report("ONB-1")?.exit?.text).toContain("sandbox is required for ONB, and no box works here");
  expect(rig.report("ONB-1")?.exit?.text).toContain("No permissions to create new namespace");
  expect(existsSync(rig.worktree("ONB-1"))).toBe(false);
  const failed = { status: "failed", detail: expect.stringContaining("ONB: no session starts") };
  await rig.waitFor(() => findCheck(rig)).toMatchObject(failed);

  const auto = await createRig({ tickets: { sandbox: "auto" }, programs: REFUSED_BOX });
  auto.run("ONB-1", [commit("made")]);
  await auto.waitForCommits("ONB-1", ["made"]);
  expect(isClone(auto, "ONB-1")).toBe(false);
  const warning = { status: "warning", detail: expect.stringContaining("without a box") };
  await auto.waitFor(() => findCheck(auto)).toMatchObject(warning);
  expect(auto.output.join("")).toContain("session without a box");
});
