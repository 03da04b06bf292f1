/**
 * The one place that starts git: with a view of the repository of its own, so that no filter, hook, driver or helper
 * that a repository, a user or a session has set is run.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { makePrivateFolder, writePrivateFile } from "../node/files.ts";
import { describeFailure, type ProgramResult, runProgram } from "../node/programs.ts";
import { readSessionFile } from "./session-folder.ts";

export interface WorktreePlace {
  repository: string;
  worktree: string;
}

/** What git sees of a repository in place of its own folder. */
interface NeutralRepository {
  /** The view: links to the data of the repository, and settings without programs. */
  folder: string;
  /** The repository's own folder, for example `/srv/repo/.git`. */
  commonDir: string;
  /** The folder with HEAD: the same one, unless the repository's path is a worktree itself. */
  gitDir: string;
}

type RunGit = (args: readonly string[], env?: Record<string, string>) => Promise<ProgramResult>;

/** Options of every call; no file of settings can change them. */
export const SAFE_OPTIONS = [
  ...["core.hooksPath=/dev/null", "core.fsmonitor=false", "core.attributesFile=/dev/null"],
  ...["log.showSignature=false", "color.ui=false", "gc.auto=0", "maintenance.auto=false"],
];

/** Keeps git from files outside the repository, from programs that ask or show something, and from the network. */
const SAFE_ENVIRONMENT = {
  ...{ GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
  ...{ GIT_ATTR_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C.UTF-8" },
  ...{ GIT_PAGER: "cat", GIT_EDITOR: "false", GIT_ALLOW_PROTOCOL: "none", GIT_NO_LAZY_FETCH: "1" },
  // Names of who changes a branch, as its log has them.
  ...{ GIT_COMMITTER_NAME: "Groundcrew", GIT_COMMITTER_EMAIL: "groundcrew@localhost" },
};

/**
 * With a remote, git has the settings and credentials of the runner's user, which sessions do not get. Transports that
 * start a program of the address are left out.
 */
const REMOTE_ENVIRONMENT = {
  ...{ GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0", LC_ALL: "C.UTF-8", GIT_EDITOR: "false" },
  GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
};

/** Data of a repository. `config`, `hooks`, `modules` and `remotes` are left out: they can name programs and addresses. */
const DATA = ["HEAD", "info", "logs", "objects", "packed-refs", "refs", "reftable", "shallow", "worktrees"];

export const REF_STORAGE = "extensions.refstorage";

/** Settings that say how data is stored, and start nothing. */
const STORAGE_SETTINGS = [
  ...["core.autocrlf", "core.bare", "core.checkstat", "core.eol", "core.filemode", "core.ignorecase"],
  ...["core.logallrefupdates", "core.precomposeunicode", "core.repositoryformatversion", "core.sharedrepository"],
  ...["core.sparsecheckout", "core.sparsecheckoutcone", "core.symlinks", "core.trustctime"],
  ...["extensions.objectformat", REF_STORAGE],
];

/** Words and numbers, such as `true`, `input` and `0660`. */
const VALUE_PATTERN = /^\w{1,40}$/;

/** Limit of the file with a worktree's path in bytes: 8 KB, twice the longest path. */
const MAX_LINK_BYTES = 8_192;

/**
 * Calls git, the only place of Groundcrew that does: without a shell, without questions and without this process's
 * environment. Sessions can write the settings of a repository and the link of their worktree, and both can name
 * programs that git starts. So every command gets a neutral view of the repository (see `createNeutralRepositories`),
 * and its folders from the runner. `folder` is the runner's own.
 * @param remoteEnv what git may see besides when it talks to a remote
 */
export function createGit(env: Record<string, string>, folder: string, remoteEnv: Record<string, string>) {
  const repositories = createNeutralRepositories(folder, run);

  function run(args: readonly string[], place: Record<string, string> = {}, isRemote = false): Promise<ProgramResult> {
    const options = SAFE_OPTIONS.flatMap((option) => ["-c", option]);
    const gitEnv = isRemote
      ? { ...remoteEnv, ...REMOTE_ENVIRONMENT, ...place }
      : { ...env, ...SAFE_ENVIRONMENT, ...place };
    return runProgram("git", [...options, ...args], { env: gitEnv, timeoutMs: 120_000 });
  }

  /** Runs a command in the view of a repository, or of one of its worktrees. Never rejects. */
  async function runIn(
    repository: string,
    args: readonly string[],
    {
      worktree,
      isRemote = false,
      ...more
    }: { worktree?: string; isRemote?: boolean; env?: Record<string, string> } = {},
  ): Promise<ProgramResult> {
    try {
      const view = await repositories.open(repository);
      if ("problem" in view) return view.problem;
      const own = { GIT_DIR: view.gitDir, GIT_COMMON_DIR: view.folder, ...more.env };
      const place = { ...own, ...getWorktreePlace(view, worktree) };
      const result = await run(["-C", view.folder, ...args], place, isRemote);
      // People know the repository, not the view of it.
      return { ...result, stderr: result.stderr.replaceAll(view.folder, view.commonDir) };
    } catch (thrown) {
      return { status: undefined, stdout: "", stderr: "", problem: getErrorMessage(thrown) };
    }
  }

  const call = (repository: string, args: readonly string[]) => runIn(repository, args);

  return {
    /** Runs a command about commits, branches or worktrees of a repository. Never rejects. */
    call,
    /** Returns the output without its last line end; throws when git fails. */
    async read(repository: string, args: readonly string[]): Promise<string> {
      const result = await call(repository, args);
      if (result.status !== 0) throw new Error(describeFailure(`git ${args[0] ?? ""}`, result));
      return result.stdout.replace(/\n$/, "");
    },
    /** Runs a command about the files of a worktree. Never rejects. */
    callInWorktree: ({ repository, worktree }: WorktreePlace, args: readonly string[]) =>
      runIn(repository, args, { worktree }),
    /** Runs a command about a repository with more variables. Never rejects. */
    callWith: (repository: string, args: readonly string[], more: Record<string, string>) =>
      runIn(repository, args, { env: more }),
    /** Environment in which git reads no settings but those that it is given. */
    safeEnv: { ...env, ...SAFE_ENVIRONMENT },
    readSettings: repositories.readSettings,
    findGitDir: repositories.findGitDir,
    /** Reads a setting of the repository or of the runner's user, such as `user.name`. */
    async readUserSetting(repository: string, name: string): Promise<string> {
      return (await run(["-C", repository, "config", "--get", name], {}, true)).stdout.trim();
    },
    /** Fetches or pushes, by the address of the remote, with the settings of the runner's user. Never rejects. */
    callRemote: (repository: string, args: readonly string[]) => runIn(repository, args, { isRemote: true }),
    /** Reads the address of the remote `origin`; undefined without one. */
    async readOrigin(repository: string): Promise<string | undefined> {
      const view = await repositories.open(repository);
      if ("problem" in view) return undefined;
      const args = ["config", "--file", join(view.commonDir, "config"), "--no-includes", "--get", "remote.origin.url"];
      return (await run(["-C", view.folder, ...args])).stdout.trim() || undefined;
    },
    /** Makes a worktree's link to its repository what it should be. */
    async restoreLink({ repository, worktree }: WorktreePlace): Promise<void> {
      const view = await repositories.open(repository);
      if (!("problem" in view)) restoreWorktreeLink(view, worktree);
    },
  };
}

export type Git = ReturnType<typeof createGit>;

/**
 * Views of repositories in which git finds no program to start: no filter, driver, hook, helper, alias, remote or
 * included file. Git takes all of these from a repository's settings, so a view has its own settings, and links to
 * everything else. To override dangerous settings by their names would not do: those of filters and drivers are free,
 * and a session can write another one between a look and the command.
 */
function createNeutralRepositories(runnerFolder: string, run: RunGit) {
  const views = join(runnerFolder, "git");
  makePrivateFolder(views);
  const known = new Map<string, NeutralRepository & { version: string }>();

  /** Finds a repository's own folders. Git only looks for them here, which starts nothing. */
  async function find(repository: string): Promise<NeutralRepository | { problem: ProgramResult }> {
    const names = ["--path-format=absolute", "--git-dir", "--git-common-dir"];
    // The operator has named this repository, so it may have another owner.
    const result = await run(["-c", "safe.directory=*", "-C", repository, "rev-parse", ...names]);
    const [gitDir, commonDir] = result.stdout.split("\n");
    if (result.status !== 0 || !gitDir || !commonDir) return { problem: result };
    return {
      gitDir,
      commonDir,
      folder: join(views, createHash("sha256").update(commonDir).digest("hex").slice(0, 16)),
    };
  }

  async function readSettings(commonDir: string): Promise<Map<string, string>> {
    const args = ["--file", join(commonDir, "config"), "--no-includes", "--null", "--list"];
    const { stdout } = await run(["-C", views, "config", ...args]);
    const entries = stdout.split("\0").map((entry) => entry.split("\n", 2));
    return new Map(
      // A name without a value means true.
      entries.flatMap(([name = "", value = "true"]) =>
        STORAGE_SETTINGS.includes(name) && VALUE_PATTERN.test(value) ? [[name, value] as const] : [],
      ),
    );
  }

  return {
    /** The settings of a repository that say how its data is stored, and its own folder. */
    async readSettings(repository: string) {
      const found = await find(repository);
      if ("problem" in found) throw new Error(describeFailure("git", found.problem));
      return { commonDir: found.commonDir, settings: await readSettings(found.commonDir) };
    },
    /** The folder that a repository has for a worktree. */
    async findGitDir({ repository, worktree }: WorktreePlace): Promise<string | undefined> {
      const found = await find(repository);
      return "problem" in found ? undefined : findGitDir(found, worktree);
    },
    /**
     * Prepares the view of a repository; its settings are read again when they have changed. `problem`: git finds no
     * repository there.
     */
    async open(repository: string): Promise<NeutralRepository | { problem: ProgramResult }> {
      const last = known.get(repository);
      const view = last ?? (await find(repository));
      if ("problem" in view) return view;
      const version = describeVersion(join(view.commonDir, "config"));
      if (last?.version !== version) {
        makePrivateFolder(view.folder);
        for (const name of DATA) replaceLink(join(view.folder, name), join(view.commonDir, name));
        writePrivateFile(join(view.folder, "config"), formatSettings(await readSettings(view.commonDir)));
        known.set(repository, { ...view, version });
      }
      // Git removes this folder when it is empty, and could not create it through the link.
      mkdirSync(join(view.commonDir, "worktrees"), { recursive: true });
      return view;
    },
  };
}

/** A text that differs when a file was changed or replaced. */
function describeVersion(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats ? `${stats.ino} ${stats.size} ${stats.mtimeMs}` : "none";
}

export function replaceLink(path: string, target: string): void {
  try {
    if (readlinkSync(path) === target) return;
  } catch {
    // There is no such link yet.
  }
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}

export function formatSettings(settings: ReadonlyMap<string, string>): string {
  const lines = [...settings].map(([name, value]) => {
    const [section, variable] = name.split(".");
    return `[${section}]\n\t${variable} = ${value}\n`;
  });
  return lines.join("");
}

function getWorktreePlace(view: NeutralRepository, worktree: string | undefined): Record<string, string> {
  if (worktree === undefined) return {};
  const gitDir = findGitDir(view, worktree);
  if (gitDir === undefined) throw new Error(`${worktree} is no worktree of its repository`);
  return { GIT_DIR: gitDir, GIT_WORK_TREE: worktree };
}

/** Finds the folder that a repository has for a worktree. The worktree's own link is not asked: a session can forge it. */
function findGitDir({ commonDir }: NeutralRepository, worktree: string): string | undefined {
  const folder = join(commonDir, "worktrees");
  const wanted = join(worktree, ".git");
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .find((gitDir) => {
      const link = readSessionFile(join(gitDir, "gitdir"), MAX_LINK_BYTES);
      return link !== undefined && resolve(gitDir, link.text.trim()) === wanted;
    });
}

/** Writes the file `.git` of a worktree, unless it is as it should be. */
function restoreWorktreeLink(view: NeutralRepository, worktree: string): void {
  const gitDir = findGitDir(view, worktree);
  if (gitDir === undefined) return;
  const path = join(worktree, ".git");
  const text = `gitdir: ${gitDir}\n`;
  if (readSessionFile(path, MAX_LINK_BYTES)?.text === text) return;
  rmSync(path, { recursive: true, force: true });
  writePrivateFile(path, text);
}
