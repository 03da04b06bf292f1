import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { COMPILE_CACHE, getTestProgram } from "../../support/test-programs.ts";

/** A folder with a repository, a home, and the stand-in for Claude Code as a program. */
export function createRunnerHost() {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "gcr-")));
  const runnerFolder = join(folder, "runner");
  const repository = join(folder, "repository");
  const home = join(folder, "home");

  mkdirSync(home);
  mkdirSync(repository);
  const git = (args: string[], cwd = repository) =>
    execFileSync("git", args, { cwd, env: { PATH: process.env["PATH"], HOME: home }, encoding: "utf8" });
  git(["config", "--global", "user.email", "test@example.com"]);
  git(["config", "--global", "user.name", "Test"]);
  git(["init", "--quiet", "--initial-branch=main"]);
  writeFileSync(join(repository, "readme.txt"), "first\n");
  git(["add", "-A"]);
  git(["commit", "--quiet", "-m", "first"]);
  const claude = join(folder, "claude");
  const standIn = `'${process.execPath}' --disable-warning=ExperimentalWarning '${getTestProgram("claude")}'`;
  writeFileSync(claude, `#!/bin/sh\nNODE_COMPILE_CACHE='${COMPILE_CACHE}' exec ${standIn} "$@"\n`);
  chmodSync(claude, 0o755);
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
  /** The environment of a runner on this host. */
  const env = {
    PATH: [dirname(process.execPath), process.env["PATH"]].join(":"),
    HOME: home,
    RUNNER_FOLDER: runnerFolder,
    RUNNER_NAME: "test-host",
    CLAUDE_BIN: claude,
  };
  const readHome = (name: string) => readFileSync(join(home, name), "utf8");
  const remove = () => rmSync(folder, { recursive: true, force: true });
  return { folder, runnerFolder, repository, home, git, tmux, env, readHome, remove };
}
