import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const COMMIT = "run echo 1 > one.txt && git add -A && git commit -qm one";
const remove = (ticket: string, force = false) => ({ ticket, run: 1, force });

test.concurrent("a worktree is removed when it is clean and merged, or on request, and kept otherwise", async (context) => {
  const { expect } = context;
  const hooks = { before_remove: "echo $GROUNDCREW_TICKET >> $HOME/removed.txt" };
  const rig = await createRunnerRig(context, { tickets: { hooks } });
  const keys = ["ONB-1", "ONB-2", "ONB-3"];
  rig.server.set({
    sessions: [
      rig.want("ONB-1", [COMMIT, "exit 0"]),
      rig.want("ONB-2", [COMMIT.replace("-qm one", "-qm two"), "exit 0"]),
      rig.want("ONB-3", ["run echo draft > draft.txt", "exit 0"]),
    ],
  });
  for (const key of keys) await rig.waitForState(key, "ended");
  rig.git(["merge", "-q", "groundcrew/onb-1"]);
  rig.server.set({ remove: keys.map((key) => remove(key)) });
  await rig.waitFor(() => existsSync(rig.worktree("ONB-1"))).toBe(false);
  await rig.waitFor(() => rig.report("ONB-2")?.attention ?? "").toContain("is not merged into main");
  await rig.waitFor(() => rig.report("ONB-3")?.attention ?? "").toContain("changes that are not committed");
  // The branch goes after its worktree.
  const listBranches = () => rig.git(["branch", "--format=%(refname:short)"]);
  await rig.waitFor(listBranches).toBe("groundcrew/onb-2\ngroundcrew/onb-3\nmain\n");
  rig.server.set({ remove: [remove("ONB-3", true)] });
  await rig.waitFor(() => existsSync(rig.worktree("ONB-3"))).toBe(false);
  expect(existsSync(rig.worktree("ONB-2"))).toBe(true);
  expect(readFileSync(join(rig.home, "removed.txt"), "utf8")).toBe("ONB-1\nONB-3\n");
});

test.concurrent("hooks run once each in the worktree; a failing before_run ends the start", async (context) => {
  const { expect } = context;
  const log = (name: string) => `echo ${name} $GROUNDCREW_BRANCH >> $HOME/$GROUNDCREW_TICKET.txt`;
  const hooks = {
    after_create: `${log("after_create")}; pwd >> $HOME/pwd.txt; env > $HOME/env.txt`,
    before_run: `${log("before_run")}; test $GROUNDCREW_TICKET != ONB-2`,
    after_run: log("after_run"),
  };
  const rig = await createRunnerRig(context, { tickets: { hooks } });
  rig.server.set({ sessions: [rig.want("ONB-1", ["exit 0"])] });
  await rig.waitForState("ONB-1", "ended");
  const path = join(rig.home, "ONB-1.txt");
  const lines = ["after_create", "before_run", "after_run"].map((name) => `${name} groundcrew/onb-1\n`).join("");
  await rig.waitFor(() => readFileSync(path, "utf8")).toBe(lines);
  expect(readFileSync(join(rig.home, "pwd.txt"), "utf8")).toBe(`${rig.worktree("ONB-1")}\n`);
  expect(readFileSync(join(rig.home, "env.txt"), "utf8")).not.toMatch(/TOKEN|PLANE|TELEGRAM/);
  rig.server.set({ sessions: [rig.want("ONB-2")] });
  await rig.waitForState("ONB-2", "ended");
  expect(rig.report("ONB-2")?.exit).toEqual({ reason: "start_failed", text: "Hook before_run: exit code 1" });
  expect(rig.listSessions()).toEqual([]);
});

test.concurrent("with legacy_files, a file in /tmp completes a ticket", async (context) => {
  const { expect, onTestFinished } = context;
  const key = `ONB-${process.pid}`;
  const path = `/tmp/completion-${key}.txt`;
  onTestFinished(() => rmSync(path, { force: true }));
  const rig = await createRunnerRig(context, { tickets: { legacy_files: true } });
  writeFileSync(path, "of an earlier run");
  rig.server.set({ sessions: [rig.want(key)] });
  await rig.waitForState(key, "running");
  expect(rig.report(key)?.completion).toBeUndefined();
  writeFileSync(path, "done");
  await rig.waitFor(() => rig.report(key)?.completion).toEqual({ summary: "done", source: "legacy_file" });
});

test.concurrent("a key that is not only ASCII names worktree, branch and session, also where the locale is C", async (context) => {
  const { expect } = context;
  const key = "ÖKO_2-15";
  const rig = await createRunnerRig(context, { env: { LC_ALL: "C", LANG: "C" } });
  rig.server.set({
    sessions: [
      rig.want(key, [
        "run echo x > added.txt && git add -A && git commit -qm 'feat: größer'",
        "run printf 'fertig für heute' > $GROUNDCREW_COMPLETION_FILE",
      ]),
    ],
  });
  await rig.waitFor(() => rig.report(key)?.completion).toEqual({ summary: "fertig für heute", source: "file" });
  await rig.waitFor(() => rig.report(key)?.commits.map(({ subject }) => subject)).toEqual(["feat: größer"]);
  expect(rig.report(key)).toMatchObject({ name: `claude-${key}`, branch: "groundcrew/öko_2-15", state: "running" });
  expect(readFileSync(join(rig.worktree(key), "added.txt"), "utf8")).toBe("x\n");
  expect(rig.server.problems).toEqual([]);
});

test.concurrent("a runner with a wrong token or without settings says what to do", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context, { env: { RUNNER_TOKEN: "another-token-0123456789" } });
  await rig.waitFor(() => rig.output.join("")).toContain("RUNNER_TOKEN is refused");
  expect(rig.output.join("")).not.toContain("another-token");
  const unset = await createRunnerRig(context, { env: { RUNNER_TOKEN: "", GROUNDCREW_URL: "" } });
  await unset.waitFor(() => unset.exitCode).toBe(78);
  for (const name of ["RUNNER_TOKEN is not set", "GROUNDCREW_URL is not set"])
    expect(unset.output.join("")).toContain(name);
});
