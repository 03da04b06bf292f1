import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { onTestFinished } from "vitest";

interface MemoryLimit {
  /** A command line that starts another one within the limit. */
  prefix: string[];
  /** The most memory that was in use, in bytes. */
  readPeak(): number;
  /** How many processes were killed because of the limit. */
  readKills(): number;
}

/** Where the memory controller is and how its files are called, in both versions of control groups. */
const VERSIONS = [
  {
    root: "/sys/fs/cgroup/memory",
    max: "memory.limit_in_bytes",
    peak: "memory.max_usage_in_bytes",
    kills: "memory.oom_control",
  },
  { root: "/sys/fs/cgroup", max: "memory.max", peak: "memory.peak", kills: "memory.events" },
];

/** Limits memory as a container does; undefined where this user cannot write to control groups. */
export function limitMemory(bytes: number): MemoryLimit | undefined {
  for (const { root, max, peak, kills } of VERSIONS) {
    const group = `${root}/groundcrew-test-${process.pid}`;
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    onTestFinished(() => rmdirSync(group));
    try {
      writeFileSync(`${group}/${max}`, String(bytes));
    } catch {
      continue;
    }
    return {
      prefix: ["sh", "-c", `echo $$ > ${group}/cgroup.procs && exec "$@"`, "sh"],
      readPeak: () => Number(readFileSync(`${group}/${peak}`, "utf8")),
      readKills: () => Number(/^oom_kill (\d+)$/m.exec(readFileSync(`${group}/${kills}`, "utf8"))?.[1]),
    };
  }
  return undefined;
}
