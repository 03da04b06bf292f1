import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";

const CLI = resolve("runtime/cli.js");

export interface Ended {
  exit: number;
  out: string;
  err: string;
}

/** Runs the real command in a process of its own, with nothing of this one's environment. */
export function groundcrew(
  args: readonly string[],
  { cwd, env = {}, stdin = "" }: { cwd: string; env?: Record<string, string>; stdin?: string },
): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(process.execPath, [CLI, ...args], { cwd, env, timeout: 20_000 }, (error, out, err) => {
      done({ exit: error ? Number(error.code ?? -1) : 0, out, err });
    });
    child.stdin?.end(stdin);
  });
}

/** A folder of its own, gone after the test. */
export function folder(): string {
  const made = realpathSync(mkdtempSync(join(tmpdir(), "groundcrew-cli-")));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}
