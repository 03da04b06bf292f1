import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { START_FLAGS } from "../../bench/start-flags.ts";
import { getBuiltProgram } from "./built-program.ts";
import { startProgram } from "./program.ts";
import { createTestFolder } from "./test-folder.ts";
import { RUNTIME_ENV } from "./test-runtime.ts";

interface ProductProcessOptions {
  /** Limit of open files. Default: that of the tests. */
  openFiles?: number;
  env?: Record<string, string>;
}

/** Starts the product as a process with the flags of `npm start`; resolves once it listens. It is killed after the test. */
export async function startProductProcess({ openFiles, env }: ProductProcessOptions = {}) {
  const command = `${openFiles === undefined ? "" : `ulimit -n ${openFiles}; `}exec "$0" "$@"`;
  const words = ["bash", "-c", command, process.execPath, ...START_FLAGS, getBuiltProgram("start")];
  const { child, output } = startProgram(words, {
    cwd: createTestFolder("process"),
    env: { ...RUNTIME_ENV, STORE_URL: "file:./kept", ...env },
  });
  await expect.poll(() => output.out, { timeout: 40_000 }).toContain('"message":"listening"');
  return {
    url: /"url":"([^"]+)"/.exec(output.out)?.[1] ?? "",
    /** Memory of the process in bytes: now, and the most it has had since the start. */
    readMemory() {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      const read = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
      return { now: read("VmRSS"), peak: read("VmHWM") };
    },
  };
}
