import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ProvisionSetup } from "../../functions/provision/provision-setup.ts";
import { startProgram, toCommand } from "../../support/program.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";

/** A folder with the settings, in which `start` runs the real command. It is removed at the end of the test. */
export function createCommandFolder(setup: ProvisionSetup) {
  const cwd = createTestFolder("provision");
  writeFiles(cwd, { "groundcrew.json": setup.files.get("groundcrew.json")?.text ?? "" });

  /** Starts the command with these arguments. */
  const start = (...args: string[]) => startProgram(toCommand("provision", ...args), { cwd, env: setup.env });
  return {
    cwd,
    lock: join(cwd, "data/provision.lock"),
    start,
    run: (...args: string[]) => start(...args).ended,
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
