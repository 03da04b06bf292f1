import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig, type RunnerRig, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

/** Programs that git starts for a repository whose settings, attributes and hooks name them. */
const TRAPS = [
  ...[
    "clean",
    "smudge",
    "process",
    "smudge-of-user",
    "smudge-of-include",
    "smudge-of-include-if",
    "smudge-of-worktree",
  ],
  ...["merge", "textconv", "diff", "diff-external", "fsmonitor", "gpg", "ssh"],
  ...["post-checkout", "reference-transaction", "post-index-change"],
];
const ATTRIBUTES = [
  ...["*.txt filter=trap merge=trap diff=trap", "z.proc filter=proc", "*.user filter=user", "*.inc filter=inc"],
  ...["*.conv diff=conv", "*.inif filter=inif", "*.tree filter=tree"],
];
const FILES = ["a.txt", "a.user", "a.inc", "a.inif", "a.tree", "a.conv", "z.proc"];

const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** A process filter that fails ends a command, so sessions and the test go without it. */
const WITHOUT_PROCESS = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "filter.proc.process", GIT_CONFIG_VALUE_0: "" };
const EXPORTS = Object.entries(WITHOUT_PROCESS).map(([name, value]) => `export ${name}=${value}\n`);

/**
 * Sets a trap at each of these places of a repository. A trap writes down its name, unless a session or the test itself
 * has started git.
 */
function setTraps({ folder, repository, home }: RunnerRig) {
  const found = join(folder, "found.txt");
  const script = join(folder, "trap.sh");
  writeFileSync(
    script,
    `#!/bin/sh
[ -n "$GROUNDCREW_TICKET$IS_TEST" ] || echo "$1" >> ${found}
case "$1" in
clean*|smudge*|forged-clean) exec cat;;
textconv) exec cat "$2";;
diff*|post-*|reference-*) exit 0;;
esac
exit 1
`,
  );
  chmodSync(script, 0o755);
  const run = (args: readonly string[], env: Record<string, string>, cwd = repository) => {
    try {
      execFileSync("git", args, { cwd, env: { PATH: process.env["PATH"], HOME: home, ...env }, stdio: "pipe" });
    } catch {
      // A trap may make a command fail.
    }
  };
  const git = (...args: string[]) => run(args, { IS_TEST: "1", ...WITHOUT_PROCESS });
  const set = (name: string, value: string, ...file: string[]) => git("config", ...file, name, value);
  const trap = (name: string) => `${script} ${name}`;

  for (const name of FILES) writeFileSync(join(repository, name), "first\n");
  writeFileSync(join(repository, ".gitattributes"), `${ATTRIBUTES.join("\n")}\n`);
  git("add", "-A");
  git("commit", "-qm", "files");
  writeFileSync(join(repository, ".git/info/attributes"), `${ATTRIBUTES.join("\n")}\n`);
  set("filter.trap.clean", trap("clean"));
  set("filter.trap.smudge", trap("smudge"));
  set("filter.proc.process", trap("process"));
  set("filter.user.smudge", trap("smudge-of-user"), "--global");
  set("filter.inc.smudge", trap("smudge-of-include"), "--file", join(folder, "included"));
  set("include.path", join(folder, "included"));
  set("filter.inif.smudge", trap("smudge-of-include-if"), "--file", join(folder, "included-if"));
  set("includeIf.gitdir:/**.path", join(folder, "included-if"));
  set("core.repositoryFormatVersion", "1");
  set("extensions.worktreeConfig", "true");
  set("filter.tree.smudge", trap("smudge-of-worktree"), "--worktree");
  set("merge.trap.driver", trap("merge"));
  set("diff.trap.command", trap("diff"));
  set("diff.conv.textconv", trap("textconv"));
  set("diff.external", trap("diff-external"));
  set("core.fsmonitor", trap("fsmonitor"));
  set("core.pager", trap("pager"));
  set("core.editor", trap("editor"));
  set("log.showSignature", "true");
  for (const name of ["rev-parse", "status", "log", "worktree", "branch"]) set(`alias.${name}`, `!${trap("alias")}`);
  writeFileSync(join(folder, "gpg.sh"), `#!/bin/sh\nexec ${trap("gpg")}\n`, { mode: 0o755 });
  set("gpg.program", join(folder, "gpg.sh"));
  // Git asks this remote for objects that it does not find.
  set("extensions.partialClone", "remote");
  set("remote.remote.promisor", "true");
  set("remote.remote.url", "ssh://example.invalid/repository");
  set("core.sshCommand", trap("ssh"));
  set("credential.helper", `!${trap("credential")}`);
  for (const name of ["post-checkout", "reference-transaction", "post-index-change"])
    writeFileSync(join(repository, ".git/hooks", name), `#!/bin/sh\nexec ${trap(name)}\n`, { mode: 0o755 });

  return {
    script,
    /** Runs git as the test, which springs no trap. */
    git,
    /** Runs git as anybody would, which springs traps. */
    gitWithTraps: (args: readonly string[], cwd?: string) => run(args, {}, cwd),
    listFound: () => (existsSync(found) ? [...new Set(readFileSync(found, "utf8").trim().split("\n"))] : []),
    clear: () => rmSync(found, { force: true }),
  };
}

const COMMIT = `
for file in *.*; do echo second > $file; done
git commit -qam second
`;

/** Replaces the link of a worktree by one to a copy of its repository with other settings. */
const FORGE_LINK = (script: string) => `
common=$(git rev-parse --path-format=absolute --git-common-dir)
own=$(git rev-parse --path-format=absolute --git-dir)
cp -r "$common" $HOME/forged
cp "$own/HEAD" "$own/index" $HOME/forged
git config --file $HOME/forged/config filter.trap.clean '${script} forged-clean'
git config --file $HOME/forged/config core.fsmonitor '${script} forged-fsmonitor'
printf 'gitdir: %s\\n' $HOME/forged > .git
printf 'drafts\\n' > a.txt
`;

/** Commits a signed commit with a file that the repository does not have. */
const COMMIT_MISSING = `
git update-index --add --cacheinfo 100644,1234567890123456789012345678901234567890,missing.txt
commit=$(git commit-tree -p HEAD -m missing $(git write-tree --missing-ok))
signature='gpgsig -----BEGIN PGP SIGNATURE-----\\n \\n -----END PGP SIGNATURE-----'
signed=$(git cat-file commit $commit | sed "/^committer/a $signature" | git hash-object -t commit -w --stdin)
git update-ref HEAD $signed
`;

test("git of the runner starts no program that a repository, a user or a forged link of a worktree names", async (context) => {
  const { expect } = context;
  const rig = await createRunnerRig(context, { tickets: WITHOUT_BOX });
  const traps = setTraps(rig);
  const scripts = { commit: COMMIT, forge: FORGE_LINK(traps.script), missing: COMMIT_MISSING };
  for (const [name, text] of Object.entries(scripts))
    writeFileSync(join(rig.folder, `${name}.sh`), EXPORTS.join("") + text);
  const go = join(rig.folder, "go");
  const waitToGo = `run while [ ! -e ${go} ]; do sleep 0.1; done`;
  const runScript = (name: keyof typeof scripts) => `run sh ${rig.folder}/${name}.sh`;
  const other = rig.want("ONB-2", [runScript("missing")]);
  rig.server.set({
    sessions: [rig.want("ONB-1", [runScript("commit"), waitToGo, runScript("forge"), "run sleep 3", "exit 0"]), other],
  });
  const readSubjects = (key: string) => rig.report(key)?.commits.map(({ subject }) => subject);
  await rig.waitFor(() => ["running", "ended"].includes(rig.report("ONB-1")?.state ?? "")).toBe(true);
  expect(traps.listFound()).toEqual([]);
  await rig.waitFor(() => readSubjects("ONB-1")).toEqual(["second"]);
  await rig.waitFor(() => readSubjects("ONB-2")).toEqual(["missing"]);
  writeFileSync(join(rig.repository, "a.txt"), "third\n");
  traps.git("commit", "-qam", "third");
  await rig.waitFor(() => rig.report("ONB-1")?.conflicts).toEqual(["a.txt"]);
  writeFileSync(go, "");
  await rig.waitFor(() => rig.report("ONB-1")?.dirty).toBe(true);
  traps.git("merge", "-q", "-s", "ours", "groundcrew/onb-1");
  await rig.waitForState("ONB-1", "ended");

  const found = traps.listFound();
  traps.clear();
  // The traps work: git starts them for anybody else.
  traps.gitWithTraps(["status"], rig.worktree("ONB-1"));
  expect(traps.listFound()).toEqual(expect.arrayContaining(["forged-clean", "forged-fsmonitor"]));
  traps.clear();

  const remove = (force: boolean) =>
    rig.server.set({ sessions: [other], remove: [{ ticket: "ONB-1", run: 1, force }] });
  remove(false);
  await rig.waitFor(() => rig.report("ONB-1")?.attention ?? "").toContain("changes that are not committed");
  remove(true);
  await rig.waitFor(() => existsSync(rig.worktree("ONB-1"))).toBe(false);
  await rig.waitFor(() => rig.git(["branch", "--format=%(refname:short)"])).not.toContain("groundcrew/onb-1");
  expect([...found, ...traps.listFound()]).toEqual([]);

  traps.clear();
  writeFileSync(join(rig.repository, "a.txt"), "drafts\n");
  const commands = [
    ["add", "a.txt"],
    ["reset", "-q", "--hard"],
    ["checkout", "-q", "-b", "other", "main~1"],
    ["worktree", "add", join(rig.folder, "other"), "main"],
    ["merge-tree", "--write-tree", "main^1", "main^2"],
    ["diff", EMPTY_TREE, "main"],
    ["log", "-p", "-n", "1", "main^2"],
    ["show", "groundcrew/onb-2"],
    ["status"],
  ];
  for (const args of commands) traps.gitWithTraps(args);
  expect(TRAPS.filter((name) => !traps.listFound().includes(name))).toEqual([]);
});
