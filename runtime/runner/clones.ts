/**
 * Clones for boxed sessions. A linked worktree needs the repository's own folder writable, with its hooks and settings;
 * a clone has a folder of its own, and takes the objects of the repository by reference. All of it belongs to the
 * session, so the runner's git reads it in a box only, and fetches one branch from it.
 */

import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { makePrivateFolder, writePrivateFile } from "../node/files.ts";
import { describeFailure, type ProgramResult, quoteForShell, runProgram } from "../node/programs.ts";
import { type BoxFinder, findObjects, wrapGitInBox } from "./box.ts";
import { GIT_TIMEOUT_MS, type Git, replaceLink, SAFE_OPTIONS, type WorktreePlace } from "./git.ts";

interface ClonePlace extends WorktreePlace {
  branch: string;
  ticket: string;
}

export type Clones = ReturnType<typeof createClones>;

/** What of a clone git finds through its view: all but settings, hooks and links to other folders. */
const DATA = ["info", "logs", "objects", "packed-refs", "refs", "shallow"];

/** Files of a linked worktree's folder that say what it is linked to. */
const LINK_FILES = ["commondir", "gitdir", "locked"];

/** Branches of other tickets are no part of a clone. */
const TICKET_REFS = /^refs\/(?:heads\/)?groundcrew\//;

const INCOMING = "refs/groundcrew/incoming/";

/** The commit that was fetched last from a clone. */
const FETCHED = "refs/groundcrew/fetched/";

/** Creates what makes, reads and forgets clones; `root` is the runner's folder. */
export function createClones(root: string, git: Git, findBox: BoxFinder) {
  const { call } = git;
  const views = join(root, "git");

  /** The runner's own folder of a clone, which also says that it is one: nothing in the clone can. */
  const getView = (worktree: string) => join(views, basename(worktree));
  const isClone = (worktree: string) => worktree !== "" && existsSync(getView(worktree));

  const findCommit = async (repository: string, ref: string) =>
    (await call(repository, ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`])).stdout.trim();

  async function openView({ repository, worktree }: WorktreePlace): Promise<string> {
    const view = getView(worktree);
    const { config } = await git.readCloneSettings(repository);
    makePrivateFolder(view);
    for (const name of DATA) replaceLink(join(view, name), join(worktree, ".git", name));
    writePrivateFile(join(view, "config"), config);
    return view;
  }

  /** The command that runs git in a box with nothing but a clone, read-only. */
  async function buildCommand({ repository, worktree }: WorktreePlace, args: readonly string[], inTree: boolean) {
    const box = await findBox();
    if ("problem" in box) throw new Error(`The clone ${worktree} can only be read in a box. ${box.problem}`);
    const view = getView(worktree);
    const common = { GIT_COMMON_DIR: view };
    const place = inTree ? { ...common, GIT_DIR: join(worktree, ".git"), GIT_WORK_TREE: worktree } : common;
    const options = SAFE_OPTIONS.flatMap((option) => ["-c", option]);
    return wrapGitInBox(box, [...options, ...args], { repository, paths: [worktree, view], env: place });
  }

  /** Runs a command about a clone, which can change nothing. Never rejects. */
  async function callClone(place: WorktreePlace, args: readonly string[], input?: string): Promise<ProgramResult> {
    try {
      const [program, ...rest] = await buildCommand(place, ["-C", place.worktree, ...args], true);
      const options = { env: git.safeEnv, timeoutMs: GIT_TIMEOUT_MS, ...(input ? { input } : {}) };
      return await runProgram(program, rest, options);
    } catch (thrown) {
      return { status: undefined, stdout: "", stderr: "", problem: String(thrown) };
    }
  }

  /** Makes the folder `.git` of a clone: the repository's branches and tags but those of tickets, and its objects. */
  async function makeGitFolder(folder: string, { repository, branch }: ClonePlace): Promise<void> {
    const { commonDir, config } = await git.readCloneSettings(repository);
    for (const name of ["objects/info", "objects/pack", "refs/heads", "refs/tags", "info"])
      mkdirSync(join(folder, name), { recursive: true });
    writePrivateFile(join(folder, "objects/info/alternates"), `${findObjects(repository)}\n`);
    for (const name of ["shallow", "info/exclude", "info/sparse-checkout"])
      if (existsSync(join(commonDir, name))) copyFileSync(join(commonDir, name), join(folder, name));
    const format = "--format=%(objectname) %(refname) %(symref)";
    const refs = (await git.read(repository, ["for-each-ref", format, "refs/heads", "refs/remotes", "refs/tags"]))
      .split("\n")
      .map((line) => line.split(" "))
      .filter(([, name = ""]) => name === `refs/heads/${branch}` || !TICKET_REFS.test(name));
    const packed = refs.flatMap(([id, name, target]) => (target || !id ? [] : [`${id} ${name}\n`]));
    writePrivateFile(join(folder, "packed-refs"), `# pack-refs with:\n${packed.join("")}`);
    for (const [, name = "", target] of refs) {
      if (!target) continue;
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writePrivateFile(join(folder, name), `ref: ${target}\n`);
    }
    const user = await Promise.all(
      ["name", "email"].map(async (name) => [name, await git.readUserSetting(repository, `user.${name}`)] as const),
    );
    const lines = user.flatMap(([name, value]) => (value ? [`\t${name} = ${quoteForConfig(value)}\n`] : []));
    writePrivateFile(join(folder, "config"), `${config}[user]\n${lines.join("")}`);
    writePrivateFile(join(folder, "HEAD"), `ref: refs/heads/${branch}\n`);
  }

  /** Makes a clone with its files; the branch exists. A start that was interrupted is made anew. */
  async function create(place: ClonePlace): Promise<void> {
    const { repository, worktree } = place;
    const draft = join(dirname(worktree), `.${basename(worktree)}.new`);
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    await makeGitFolder(join(draft, ".git"), place);
    const inside = { GIT_DIR: join(draft, ".git"), GIT_COMMON_DIR: join(draft, ".git"), GIT_WORK_TREE: draft };
    await git.read(repository, ["read-tree", "--reset", "-u", "HEAD"], { env: inside });
    await openView(place);
    renameSync(draft, worktree);
  }

  /**
   * Makes a linked worktree a clone, also where that was interrupted. Its files stay as they are, and what git knows of
   * them, such as a merge that is begun.
   */
  async function convert(place: ClonePlace): Promise<void> {
    const { worktree } = place;
    const gitDir = await git.findGitDir(place);
    if (gitDir === undefined) throw new Error(`${worktree} is no worktree of its repository.`);
    const draft = join(dirname(worktree), `.${basename(worktree)}.new`);
    rmSync(draft, { recursive: true, force: true });
    await makeGitFolder(draft, place);
    for (const entry of readdirSync(gitDir, { withFileTypes: true }))
      if (entry.isFile() && !LINK_FILES.includes(entry.name))
        copyFileSync(join(gitDir, entry.name), join(draft, entry.name));
    rmSync(join(worktree, ".git"), { recursive: true, force: true });
    renameSync(draft, join(worktree, ".git"));
    await openView(place);
    rmSync(gitDir, { recursive: true, force: true });
  }

  /**
   * Fetches the branch of a clone into its repository, and moves no other one: what somebody else has added to the
   * branch there is not overwritten. Throws when that is not possible.
   */
  async function bringBack(place: ClonePlace): Promise<void> {
    const { repository, worktree, branch, ticket } = place;
    if (!isClone(worktree) || !existsSync(join(worktree, ".git"))) return;
    const ref = `refs/heads/${branch}`;
    const [inClone, current] = await Promise.all([
      callClone(place, ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`]),
      findCommit(repository, ref),
    ]);
    const commit = inClone.stdout.trim();
    if (inClone.status === undefined) throw new Error(describeFailure("git rev-parse", inClone));
    if (commit === "" || commit === current) return;
    const worktrees = await git.read(repository, ["worktree", "list", "--porcelain"]);
    if (worktrees.split("\n").includes(`branch ${ref}`))
      throw new Error(`The branch ${branch} is checked out in ${repository}, so its new commits are not fetched.`);
    const fetched = await fetch(place, ref);
    const last = await findCommit(repository, FETCHED + ticket);
    const isAncestor = await call(repository, ["merge-base", "--is-ancestor", current, fetched]);
    if (current !== "" && current !== last && isAncestor.status !== 0)
      throw new Error(`Somebody has changed the branch ${branch} in ${repository}, so it is not overwritten.`);
    await git.read(repository, ["update-ref", "-m", "fetched from its clone", ref, fetched, current || "0".repeat(40)]);
    await git.read(repository, ["update-ref", FETCHED + ticket, fetched]);
    await git.read(repository, ["update-ref", "-d", INCOMING + ticket]);
  }

  async function fetch(place: ClonePlace, ref: string): Promise<string> {
    const { repository, worktree, ticket } = place;
    const script = join(getView(worktree), "upload-pack");
    const command = await buildCommand(place, ["upload-pack", join(worktree, ".git")], false);
    writePrivateFile(script, `#!/bin/sh\nexec ${command.map(quoteForShell).join(" ")}\n`);
    chmodSync(script, 0o700);
    const options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
    const source = ["--", join(worktree, ".git"), `+${ref}:${INCOMING}${ticket}`];
    const fetching = ["fetch", ...options, "--upload-pack", quoteForShell(script), ...source];
    const checked = ["-c", "fetch.fsckObjects=true", ...fetching];
    const result = await git.call(repository, checked, { env: { GIT_ALLOW_PROTOCOL: "file" } });
    if (result.status !== 0) throw new Error(describeFailure("git fetch", result));
    return git.read(repository, ["rev-parse", "--verify", `${INCOMING}${ticket}^{commit}`]);
  }

  return {
    isClone,
    call: callClone,
    /** Makes the clone of a ticket, or makes its worktree one. */
    async prepare(place: ClonePlace): Promise<void> {
      const { worktree } = place;
      if (lstatSync(worktree, { throwIfNoEntry: false }) === undefined) return create(place);
      if (!isClone(worktree)) await convert(place);
      await openView(place);
      const link = await git.findGitDir(place);
      if (link !== undefined) rmSync(link, { recursive: true, force: true });
    },
    bringBack,
    /** Whether a clone has commits, on any branch, tag or stash, that its repository has not. */
    async hasUnsaved(place: ClonePlace): Promise<boolean> {
      const known = await git.read(place.repository, ["for-each-ref", "--format=^%(objectname)"]);
      const input = join(getView(place.worktree), "known-refs");
      writePrivateFile(input, `${known}\n`);
      const found = await callClone(place, ["rev-list", "--max-count=1", "--all", "HEAD", "--stdin"], input);
      if (found.status !== 0) throw new Error(describeFailure("git rev-list", found));
      return found.stdout !== "";
    },
    /** Gives a clone another place. */
    async move({ repository, worktree }: WorktreePlace, path: string): Promise<void> {
      renameSync(worktree, path);
      await openView({ repository, worktree: path });
      rmSync(getView(worktree), { recursive: true, force: true });
    },
    /** Forgets a clone of which the files are gone. */
    async forget({ repository, worktree, ticket }: Omit<ClonePlace, "branch">): Promise<void> {
      rmSync(getView(worktree), { recursive: true, force: true });
      for (const prefix of [FETCHED, INCOMING]) await call(repository, ["update-ref", "-d", prefix + ticket]);
    },
  };
}

function quoteForConfig(value: string): string {
  return `"${value.replace(/[\p{Cc}]/gu, "").replace(/["\\]/g, "\\$&")}"`;
}
