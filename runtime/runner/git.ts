/**
 * The one place that starts git: with a view of the repository of its own, so that no filter, hook, driver or helper
 * that a repository, a user or a session has set is run.
 */

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { MINUTE, type Ms } from "../../shared/time.ts";
import { getFileFingerprint, makePrivateFolder, writePrivateFile } from "../node/files.ts";
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

/** How git is called besides. */
interface GitOptions {
  /** Where the command is about files: the worktree that has them. */
  worktree?: string;
  env?: Record<string, string>;
  /** It talks to a remote, with the settings of the runner's user. */
  isRemote?: boolean;
}

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

const REF_STORAGE = "extensions.refstorage";

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

/** Timeout for a command: 2 min. */
export const GIT_TIMEOUT_MS: Ms = 2 * MINUTE;

/**
 * Calls git, the only place of Groundcrew that does: without a shell, without questions and without this process's
 * environment. Sessions can write the settings of a repository and the link of their worktree, and both can name
 * programs that git starts. So every command gets a neutral view of the repository, in which git finds no program to
 * start: no filter, driver, hook, helper, alias, remote or included file. A view has its own settings, and links to
 * everything else. To override dangerous settings by their names would not do: those of filters and drivers are free,
 * and a session can write another one between a look and the command. `folder` is the runner's own.
 * @param remoteEnv what git may see besides when it talks to a remote
 */
export function createGit(env: Record<string, string>, folder: string, remoteEnv: Record<string, string>) {
  const views = join(folder, "git");
  makePrivateFolder(views);
  const known = new Map<string, NeutralRepository & { version: string }>();
  const safeEnv = { ...env, ...SAFE_ENVIRONMENT };

  function run(args: readonly string[], place: Record<string, string> = {}, isRemote = false): Promise<ProgramResult> {
    const options = SAFE_OPTIONS.flatMap((option) => ["-c", option]);
    const gitEnv = { ...(isRemote ? { ...remoteEnv, ...REMOTE_ENVIRONMENT } : safeEnv), ...place };
    return runProgram("git", [...options, ...args], { env: gitEnv, timeoutMs: GIT_TIMEOUT_MS });
  }

  /** Finds a repository's own folders, which starts nothing. Throws when there is none. */
  async function find(repository: string): Promise<NeutralRepository> {
    const names = ["--path-format=absolute", "--git-dir", "--git-common-dir"];
    // The operator has named this repository, so it may have another owner.
    const result = await run(["-c", "safe.directory=*", "-C", repository, "rev-parse", ...names]);
    const [gitDir, commonDir] = result.stdout.split("\n");
    if (result.status !== 0 || !gitDir || !commonDir) throw new Error(describeFailure("no repository", result));
    const id = createHash("sha256").update(commonDir).digest("hex").slice(0, 16);
    return { gitDir, commonDir, folder: join(views, id) };
  }

  /** The settings of a repository that say how its data is stored. */
  async function readSettings({ commonDir }: NeutralRepository): Promise<Map<string, string>> {
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

  /** Prepares the view of a repository; its settings are read again when they have changed. */
  async function open(repository: string): Promise<NeutralRepository> {
    const last = known.get(repository);
    const view = last ?? (await find(repository));
    const version = getFileFingerprint(join(view.commonDir, "config"));
    if (last?.version !== version) {
      makePrivateFolder(view.folder);
      for (const name of DATA) replaceLink(join(view.folder, name), join(view.commonDir, name));
      writePrivateFile(join(view.folder, "config"), formatSettings(await readSettings(view)));
      known.set(repository, { ...view, version });
    }
    // Git removes this folder when it is empty, and could not create it through the link.
    mkdirSync(join(view.commonDir, "worktrees"), { recursive: true });
    return view;
  }

  /** Runs a command about a repository, or about the files of one of its worktrees. Never rejects. */
  async function call(
    repository: string,
    args: readonly string[],
    { worktree, env: more, isRemote = false }: GitOptions = {},
  ): Promise<ProgramResult> {
    try {
      const view = await open(repository);
      const place = { GIT_DIR: view.gitDir, GIT_COMMON_DIR: view.folder, ...more };
      if (worktree !== undefined) {
        const gitDir = findGitDir(view, worktree);
        if (gitDir === undefined) throw new Error(`${worktree} is no worktree of its repository`);
        Object.assign(place, { GIT_DIR: gitDir, GIT_WORK_TREE: worktree });
      }
      const result = await run(["-C", view.folder, ...args], place, isRemote);
      // People know the repository, not the view of it.
      return { ...result, stderr: result.stderr.replaceAll(view.folder, view.commonDir) };
    } catch (thrown) {
      return { status: undefined, stdout: "", stderr: "", problem: getErrorMessage(thrown) };
    }
  }

  return {
    call,
    /** Returns the output without its last line end; throws when git fails. */
    async read(repository: string, args: readonly string[], options?: GitOptions): Promise<string> {
      const result = await call(repository, args, options);
      if (result.status !== 0) throw new Error(describeFailure(`git ${args[0] ?? ""}`, result));
      return result.stdout.replace(/\n$/, "");
    },
    /** Environment in which git reads no settings but those that it is given. */
    safeEnv,
    /** The settings of a clone of a repository, as text, and the folder of the repository. */
    async readCloneSettings(repository: string): Promise<{ commonDir: string; config: string }> {
      const found = await find(repository);
      const settings = await readSettings(found);
      settings.delete(REF_STORAGE);
      return { commonDir: found.commonDir, config: formatSettings(settings.set("core.bare", "false")) };
    },
    /** The folder that a repository has for a worktree. */
    async findGitDir({ repository, worktree }: WorktreePlace): Promise<string | undefined> {
      return findGitDir(await find(repository), worktree);
    },
    /** Reads a setting of the repository or of the runner's user, such as `user.name`. */
    async readUserSetting(repository: string, name: string): Promise<string> {
      return (await run(["-C", repository, "config", "--get", name], {}, true)).stdout.trim();
    },
    /** Reads the address of the remote `origin`; undefined without one. */
    async readOrigin(repository: string): Promise<string | undefined> {
      const { commonDir } = await open(repository);
      const args = ["config", "--file", join(commonDir, "config"), "--no-includes", "--get", "remote.origin.url"];
      return (await run(["-C", views, ...args])).stdout.trim() || undefined;
    },
    /** Makes a worktree's link to its repository, its file `.git`, what it should be. */
    async restoreLink({ repository, worktree }: WorktreePlace): Promise<void> {
      const gitDir = findGitDir(await open(repository), worktree);
      const path = join(worktree, ".git");
      const text = `gitdir: ${gitDir}\n`;
      if (gitDir === undefined || readSessionFile(path, MAX_LINK_BYTES)?.text === text) return;
      rmSync(path, { recursive: true, force: true });
      writePrivateFile(path, text);
    },
  };
}

export type Git = ReturnType<typeof createGit>;

export function replaceLink(path: string, target: string): void {
  try {
    if (readlinkSync(path) === target) return;
  } catch {
    // There is no such link yet.
  }
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}

function formatSettings(settings: ReadonlyMap<string, string>): string {
  const toText = ([name, value]: [string, string]) => `[${name.replace(".", "]\n\t")} = ${value}\n`;
  return [...settings].map(toText).join("");
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
