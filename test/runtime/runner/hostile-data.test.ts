import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

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
  expect(readdirSync(rig.home).sort()).toEqual([".claude", ".gitconfig"]);
});

test.concurrent("a ticket of a project without a repository is not started", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const projects = ["__proto__", "../../etc", "constructor"];
  rig.server.set({ sessions: projects.map((project, i) => rig.want(`ONB-${i + 1}`, [], { project })) });
  for (const key of ["ONB-1", "ONB-2", "ONB-3"]) {
    await rig.waitForState(key, "ended");
    const exit = { reason: "start_failed", text: expect.stringContaining("no repository") };
    expect(rig.report(key)?.exit).toMatchObject(exit);
  }
  expect(rig.listSessions()).toEqual([]);
});

test.concurrent("a link in the place of a worktree is not followed", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  const outside = join(rig.folder, "outside");
  mkdirSync(outside);
  await rig.waitFor(() => existsSync(join(rig.runnerFolder, "worktrees"))).toBe(true);
  symlinkSync(outside, rig.worktree("ONB-1"));
  rig.server.set({ sessions: [rig.want("ONB-1")] });
  await rig.waitForState("ONB-1", "ended");
  expect(rig.report("ONB-1")?.exit).toMatchObject({ reason: "start_failed", text: expect.stringContaining("link") });
  rig.server.set({ remove: [{ ticket: "ONB-1", run: 1, force: true }] });
  await rig.waitFor(() => rig.server.requests.at(-1)?.seen).toBe("3");
  expect(readdirSync(outside)).toEqual([]);
});

test.concurrent("completion files that are links, pipes or hidden text are not believed", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context);
  writeFileSync(join(rig.folder, "secret.txt"), "secret");
  const file = "$GROUNDCREW_COMPLETION_FILE";
  rig.server.set({
    sessions: [
      rig.want("ONB-1", [`run ln -s ${join(rig.folder, "secret.txt")} ${file}`]),
      rig.want("ONB-2", [`run mkfifo ${file}`]),
      rig.want("ONB-3", [`run printf 'done\\033[2J\\342\\200\\256 well' > ${file}`]),
      rig.want("ONB-4", [`run head -c 300000 /dev/zero | tr '\\0' x > ${file}`]),
    ],
  });
  await rig.waitFor(() => rig.report("ONB-3")?.completion?.summary).toBe("done[2J well");
  await rig.waitFor(() => rig.report("ONB-4")?.completion?.summary.length).toBe(20_000);
  expect(rig.report("ONB-1")?.completion).toBeUndefined();
  expect(rig.report("ONB-2")?.completion).toBeUndefined();
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
