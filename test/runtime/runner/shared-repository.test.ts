import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const KEYS = ["ONB-1", "ONB-2", "ONB-3", "ONB-4"];

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
  const rig = await createRunnerRig(context, { env: { PATH: git.path } });
  rig.server.set({ sessions: KEYS.map((key) => rig.want(key, ["exit 0"])) });
  for (const key of KEYS) await rig.waitForState(key, "ended");
  rig.server.set({ remove: KEYS.map((ticket) => ({ ticket, run: 1, force: false })) });
  await rig.waitFor(() => rig.git(["branch", "--format=%(refname:short)"])).toBe("main\n");
  expect(KEYS.map((key) => existsSync(rig.worktree(key)))).toEqual([false, false, false, false]);
  expect(git.readChanges().filter((line) => line.includes("worktree add"))).toHaveLength(KEYS.length);
  expect(git.readOverlaps()).toEqual([]);
});
