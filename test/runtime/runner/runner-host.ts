import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { ForgeState } from "../../../simulators/forge/forge.ts";
import { createTestFolder, type OnEnd, writeFiles, writeScripts } from "../../support/test-folder.ts";
import { COMPILE_CACHE, getHiddenNode, getTestProgram } from "../../support/test-programs.ts";

/** The server of the repository's remote. */
const FORGE_HOST = "git.example.com";

/** A folder with a repository, a home, and the stand-in for Claude Code as a program; `onEnd` takes its removal. */
export function createRunnerHost(onEnd?: OnEnd) {
  const folder = createTestFolder("r", onEnd);
  const runnerFolder = join(folder, "runner");
  const repository = join(folder, "repository");
  const home = join(folder, "home");

  mkdirSync(join(home, ".cache"), { recursive: true });
  mkdirSync(repository);
  const git = (args: string[], cwd = repository) =>
    execFileSync("git", args, { cwd, env: { PATH: process.env["PATH"], HOME: home }, encoding: "utf8" });
  git(["config", "--global", "user.email", "test@example.com"]);
  git(["config", "--global", "user.name", "Test"]);
  git(["init", "--quiet", "--initial-branch=main"]);
  writeFileSync(join(repository, "readme.txt"), "first\n");
  git(["add", "-A"]);
  git(["commit", "--quiet", "-m", "first"]);
  const [claude, codex] = (["claude", "codex"] as const).map((name) => {
    const node = name === "codex" ? getHiddenNode() : process.execPath;
    const standIn = `'${node}' --disable-warning=ExperimentalWarning '${getTestProgram(name)}'`;
    writeScripts(folder, { [name]: `NODE_COMPILE_CACHE='${COMPILE_CACHE}' exec ${standIn} "$@"` });
    return join(folder, name);
  });
  const bin = join(folder, "bin");
  mkdirSync(bin);
  /** Commits files on a branch of the repository, as a team does. */
  function commitFiles(files: Record<string, object | string>, branch = "main") {
    git(["checkout", "-q", "-B", branch]);
    writeFiles(repository, files);
    git(["add", "-A"]);
    git(["commit", "-q", "-m", "policy"]);
    git(["checkout", "-q", "main"]);
  }

  /**
   * Gives the repository a remote: a bare repository, which git finds in the place of an address at a server, and the
   * commands `programs` that are signed in there.
   */
  function addForge(programs: readonly string[]) {
    const bare = join(folder, "bare.git");
    const address = `https://${FORGE_HOST}/onb/app.git`;
    git(["clone", "--quiet", "--bare", repository, bare]);
    git(["remote", "add", "origin", address]);
    git(["config", "--global", `url.${bare}.insteadOf`, address]);
    const script = resolve("simulators/forge/forge.ts");
    const node = `exec '${process.execPath}' --disable-warning=ExperimentalWarning '${script}'`;
    for (const program of programs) writeScripts(bin, { [program]: `${node} ${program} "$@"` });
    const file = join(home, "forge.json");
    const read = () => JSON.parse(readFileSync(file, "utf8")) as ForgeState;
    const write = (state: ForgeState) => {
      // The commands read the file at any time.
      writeFileSync(`${file}.test`, JSON.stringify(state));
      renameSync(`${file}.test`, file);
    };
    write({ host: FORGE_HOST, bare, isSignedIn: true, pulls: [], checks: "none", log: "" });
    const change = (changes: Partial<ForgeState>) => write({ ...read(), ...changes });
    /** Merges a pull request as one commit, or closes it. */
    const close = (number: number, state: "merged" | "closed") =>
      change({
        pulls: read().pulls.map((pull) =>
          pull.number === number ? { ...pull, state, commit: gitBare(pull.branch) } : pull,
        ),
      });
    const gitBare = (ref: string) => git(["rev-parse", ref], bare).trim();
    return { bare, read, change, close, readBranch: gitBare };
  }

  const tmux = (...args: string[]) => {
    try {
      return execFileSync("tmux", ["-u", "-S", join(runnerFolder, "tmux.sock"), ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    } catch {
      return "";
    }
  };
  /** kill -9 of the tmux server, if there is one; resolves when it has ended. */
  async function killTmux() {
    const readPid = () => Number(tmux("display-message", "-p", "#{pid}"));
    const pid = readPid();
    if (pid <= 1) return;
    process.kill(pid, "SIGKILL");
    while (readPid() > 1) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const env = {
    PATH: [bin, dirname(process.execPath), process.env["PATH"]].join(":"),
    HOME: home,
    RUNNER_FOLDER: runnerFolder,
    RUNNER_NAME: "test-host",
    CLAUDE_BIN: claude ?? "",
    CODEX_BIN: codex ?? "",
  };
  const readHome = (name: string) => readFileSync(join(home, name), "utf8");
  /** A file that sessions write as `$HOME/.cache/<name>`: that folder alone is shared with a box, at another place. */
  const findCached = (name: string) => {
    const shared = join(runnerFolder, "cache", "ONB", name);
    return existsSync(shared) ? shared : join(home, ".cache", name);
  };
  const readCached = (name: string) => readFileSync(findCached(name), "utf8");
  return {
    ...{ folder, runnerFolder, repository, home, bin, git, tmux, killTmux, env },
    ...{ readHome, findCached, readCached, addForge, commitFiles },
  };
}
