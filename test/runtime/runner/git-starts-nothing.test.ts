import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, vi } from "vitest";
import { createRunnerRig, type RunnerRig, WITHOUT_BOX } from "./runner-rig.ts";

vi.setConfig({ testTimeout: 180_000 });

const HOOKS = ["post-checkout", "reference-transaction", "post-index-change"];
const SMUDGES = ["smudge", ...["user", "include", "include-if", "worktree"].map((place) => `smudge-of-${place}`)];
/** Programs that git starts for a repository whose settings, attributes and hooks name them. */
const TRAPS = [
  ...["clean", "process", ...SMUDGES, "merge", "textconv", "diff", "diff-external", "fsmonitor", "gpg", "ssh"],
  ...HOOKS,
];
const ATTRIBUTES = [
  ...["*.txt filter=trap merge=trap diff=trap", "z.proc filter=proc", "*.user filter=user", "*.inc filter=inc"],
  ...["*.conv diff=conv", "*.inif filter=inif", "*.tree filter=tree"],
].join("\n");
const FILES = ["a.txt", "a.user", "a.inc", "a.inif", "a.tree", "a.conv", "z.proc"];

const EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/** A process filter that fails ends a command, so sessions and the test go without it. */
const WITHOUT_PROCESS = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "filter.proc.process", GIT_CONFIG_VALUE_0: "" };
const EXPORTS = Object.entries(WITHOUT_PROCESS).map(([name, value]) => `export ${name}=${value}\n`);

/**
 * Sets a trap at each of these places of a repository. A trap writes down its name, unless a session or the test itself
 * has started git.
 */
function setTraps({ folder, repository, home }: Omit<RunnerRig, "expect">) {
  const found = join(folder, "found.txt");
  const script = join(folder, "trap.sh");
  const write = (path: string, ...lines: string[]) =>
    writeFileSync(path, `#!/bin/sh\n${lines.join("\n")}\n`, { mode: 0o755 });
  const answers =
    'clean*|smudge*|forged-clean) exec cat;; textconv) exec cat "$2";; diff*|post-*|reference-*) exit 0;;';
  const note = `[ -n "$GROUNDCREW_TICKET$IS_TEST" ] || echo "$1" >> ${found}`;
  write(script, note, `case "$1" in ${answers} esac`, "exit 1");
  const run = (args: readonly string[], env: Record<string, string>, cwd = repository) => {
    try {
      execFileSync("git", args, { cwd, env: { PATH: process.env["PATH"], HOME: home, ...env }, stdio: "pipe" });
    } catch {
      // A trap may make a command fail.
    }
  };
  const git = (...args: string[]) => run(args, { IS_TEST: "1", ...WITHOUT_PROCESS });
  const set = (name: string, value: string, ...place: string[]) => git("config", ...place, name, value);

  for (const name of FILES) writeFileSync(join(repository, name), "first\n");
  writeFileSync(join(repository, ".gitattributes"), `${ATTRIBUTES}\n`);
  git("add", "-A");
  git("commit", "-qm", "files");
  writeFileSync(join(repository, ".git/info/attributes"), `${ATTRIBUTES}\n`);
  write(join(folder, "gpg.sh"), `exec ${script} gpg`);
  const values = {
    ...{ "include.path": join(folder, "included"), "includeIf.gitdir:/**.path": join(folder, "included-if") },
    ...{ "core.repositoryFormatVersion": "1", "extensions.worktreeConfig": "true", "log.showSignature": "true" },
    ...{ "gpg.program": join(folder, "gpg.sh"), "credential.helper": `!${script} credential` },
    // Git asks this remote for objects that it does not find.
    ...{ "extensions.partialClone": "remote", "remote.remote.promisor": "true" },
    "remote.remote.url": "ssh://example.invalid/repository",
  };
  for (const [name, value] of Object.entries(values)) set(name, value);
  const traps: [name: string, trap: string, ...place: string[]][] = [
    ["filter.trap.clean", "clean"],
    ["filter.trap.smudge", "smudge"],
    ["filter.proc.process", "process"],
    ["filter.user.smudge", "smudge-of-user", "--global"],
    ["filter.inc.smudge", "smudge-of-include", "--file", join(folder, "included")],
    ["filter.inif.smudge", "smudge-of-include-if", "--file", join(folder, "included-if")],
    ["filter.tree.smudge", "smudge-of-worktree", "--worktree"],
    ["merge.trap.driver", "merge"],
    ["diff.trap.command", "diff"],
    ["diff.conv.textconv", "textconv"],
    ["diff.external", "diff-external"],
    ["core.fsmonitor", "fsmonitor"],
    ["core.pager", "pager"],
    ["core.editor", "editor"],
    ["core.sshCommand", "ssh"],
  ];
  for (const [name, trap, ...place] of traps) set(name, `${script} ${trap}`, ...place);
  for (const name of ["rev-parse", "status", "log", "worktree", "branch"]) set(`alias.${name}`, `!${script} alias`);
  for (const name of HOOKS) write(join(repository, ".git/hooks", name), `exec ${script} ${name}`);

  return {
    script,
    /** Runs git as the test, which springs no trap. */
    git,
    /** Runs git as anybody would, which springs traps. */
    gitWithTraps: (args: readonly string[], cwd?: string) => run(args, {}, cwd),
    /** The traps that were sprung since the last call. */
    takeFound() {
      const names = existsSync(found) ? readFileSync(found, "utf8").trim().split("\n") : [];
      rmSync(found, { force: true });
      return [...new Set(names)];
    },
  };
}

const COMMIT = "for file in *.*; do echo second > $file; done\ngit commit -qam second\n";

/** Replaces the link of a worktree by one to a copy of its repository with other settings. */
const FORGE_LINK = (script: string) => `
cp -r "$(git rev-parse --path-format=absolute --git-common-dir)" $HOME/forged
own=$(git rev-parse --path-format=absolute --git-dir)
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
  const { expect, ...rig } = await createRunnerRig(context, { tickets: WITHOUT_BOX });
  const traps = setTraps(rig);
  const scripts = { commit: COMMIT, forge: FORGE_LINK(traps.script), missing: COMMIT_MISSING };
  for (const [name, text] of Object.entries(scripts))
    writeFileSync(join(rig.folder, `${name}.sh`), EXPORTS.join("") + text);
  const go = join(rig.folder, "go");
  const runScript = (name: keyof typeof scripts) => `run sh ${rig.folder}/${name}.sh`;
  const waitToGo = `run while [ ! -e ${go} ]; do sleep 0.1; done`;
  const other = rig.want("ONB-2", [runScript("missing")]);
  const steps = [runScript("commit"), waitToGo, runScript("forge"), "run sleep 3", "exit 0"];
  rig.set({ sessions: [rig.want("ONB-1", steps), other] });
  await rig.waitForCommits("ONB-1", ["second"]);
  await rig.waitForCommits("ONB-2", ["missing"]);
  writeFileSync(join(rig.repository, "a.txt"), "third\n");
  traps.git("commit", "-qam", "third");
  await rig.waitFor(() => rig.report("ONB-1")?.conflicts).toEqual(["a.txt"]);
  writeFileSync(go, "");
  await rig.waitFor(() => rig.report("ONB-1")?.dirty).toBe(true);
  traps.git("merge", "-q", "-s", "ours", "groundcrew/onb-1");
  await rig.waitForState("ONB-1", "ended");

  const found = traps.takeFound();
  // The traps work: git starts them for anybody else.
  traps.gitWithTraps(["status"], rig.worktree("ONB-1"));
  expect(traps.takeFound()).toEqual(expect.arrayContaining(["forged-clean", "forged-fsmonitor"]));
  const remove = (force: boolean) => rig.set({ sessions: [other], remove: [{ ticket: "ONB-1", run: 1, force }] });
  remove(false);
  await rig.waitFor(() => rig.report("ONB-1")?.attention ?? "").toContain("changes that are not committed");
  remove(true);
  await rig.waitFor(() => existsSync(rig.worktree("ONB-1"))).toBe(false);
  await rig.waitFor(() => rig.git(["branch", "--format=%(refname:short)"])).not.toContain("groundcrew/onb-1");
  expect([...found, ...traps.takeFound()]).toEqual([]);

  writeFileSync(join(rig.repository, "a.txt"), "drafts\n");
  for (const command of [
    ...[
      "add a.txt",
      "reset -q --hard",
      "checkout -q -b other main~1",
      `worktree add ${join(rig.folder, "other")} main`,
    ],
    ...["merge-tree --write-tree main^1 main^2", `diff ${EMPTY_TREE} main`, "log -p -n 1 main^2"],
    ...["show groundcrew/onb-2", "status"],
  ])
    traps.gitWithTraps(command.split(" "));
  const sprung = traps.takeFound();
  expect(TRAPS.filter((name) => !sprung.includes(name))).toEqual([]);
});
