import { spawn } from "node:child_process";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { ProvisionSetup } from "../../functions/provision/provision-setup.ts";
import { getBuiltProgram } from "../../support/built-program.ts";

/** A folder with the settings, in which `start` runs the real command. It is removed at the end of the test. */
export function createCommandFolder(setup: ProvisionSetup) {
  const cwd = mkdtempSync(join(tmpdir(), "groundcrew-provision-"));
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  writeFileSync(join(cwd, "groundcrew.json"), setup.files.get("groundcrew.json")?.text ?? "", { mode: 0o600 });

  /** Starts the command with these arguments; `flags` are Node's. */
  function start(args: readonly string[], flags: readonly string[] = []) {
    const allFlags = ["--disable-warning=ExperimentalWarning", ...flags, getBuiltProgram("provision"), ...args];
    const child = spawn(process.execPath, allFlags, { cwd, env: setup.env, stdio: ["ignore", "pipe", "pipe"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = Promise.all([
      new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code))),
      text(child.stdout),
      text(child.stderr),
    ]).then(([exit, out, err]) => ({ exit, out, err }));
    return { child, ended };
  }

  return {
    cwd,
    lock: join(cwd, "data/provision.lock"),
    start,
    run: (...args: string[]) => start(args).ended,
    read: (path: string) => readFileSync(join(cwd, path), "utf8"),
    /** Copies the files to the setup's files in memory, so that its readers apply to this folder. */
    loadFiles() {
      setup.files.clear();
      for (const path of listFiles(cwd)) {
        const mode = lstatSync(join(cwd, path)).mode & 0o777;
        setup.files.set(path, { text: readFileSync(join(cwd, path), "utf8"), mode });
      }
    },
  };
}

/** The paths of all files in a folder and its subfolders, relative to it. */
export function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => !lstatSync(join(folder, path)).isDirectory())
    .sort();
}
