import { reportFailure, reportOk } from "../../functions/doctor/check.ts";
import type { Finding } from "./finding.ts";

/** One process as `/proc/<pid>/status` has it. */
export interface ProcessStatus {
  name: string;
  uids: number[];
  gids: number[];
  /** Bit masks: what the process has, and what it could get. */
  effective: bigint;
  bounding: bigint;
  /** 0 none, 1 strict, 2 filter. */
  seccomp: number;
}

/** Bits of CAP_CHOWN, CAP_SETGID and CAP_SETUID (`include/uapi/linux/capability.h`). */
const ALLOWED_MASK = (1n << 0n) | (1n << 6n) | (1n << 7n);

const SECCOMP_FILTER = 2;

/** Parses the status files of several processes, one after the other. Throws for anything else. */
export function parseProcessStatus(text: string): ProcessStatus[] {
  const blocks = text.split(/^(?=Name:\t)/m).filter((block) => block.trim() !== "");
  if (blocks.length === 0 || !blocks[0]?.startsWith("Name:\t")) throw new Error("no process could be read");
  return blocks.map(parseBlock);
}

function parseBlock(block: string): ProcessStatus {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const [, name, value] = /^(\w+):\t\s*(.*)$/.exec(line) ?? [];
    // A process may choose its name, but not add lines: the kernel escapes line ends in it.
    if (name !== undefined && value !== undefined && !fields.has(name)) fields.set(name, value);
  }
  const read = (name: string, pattern: RegExp) => {
    const value = fields.get(name);
    if (value === undefined || !pattern.test(value)) throw new Error(`the status of a process has no valid ${name}`);
    return value;
  };
  const readIds = (name: string) =>
    read(name, /^\d+(?:\t\d+){3}$/)
      .split("\t")
      .map(Number);
  const readMask = (name: string) => BigInt(`0x${read(name, /^[0-9a-f]{16}$/)}`);
  return {
    name: read("Name", /^.+$/),
    uids: readIds("Uid"),
    gids: readIds("Gid"),
    effective: readMask("CapEff"),
    bounding: readMask("CapBnd"),
    seccomp: Number(read("Seccomp", /^[012]$/)),
  };
}

/** Checks that all processes run as this `uid:gid`, with the allowed capabilities at most, under a seccomp filter. */
export function checkProcesses(processes: readonly ProcessStatus[], owner: string): Finding[] {
  const [uid, gid] = owner.split(":").map(Number);
  const list = (bad: readonly ProcessStatus[]) => [...new Set(bad.map(({ name }) => name))].join(", ");
  const foreign = processes.filter(
    ({ uids, gids }) => uids.some((one) => one !== uid) || gids.some((one) => one !== gid),
  );
  const strong = processes.filter(({ effective, bounding }) => ((effective | bounding) & ~ALLOWED_MASK) !== 0n);
  const open = processes.filter(({ seccomp }) => seccomp !== SECCOMP_FILTER);
  return [
    foreign.length === 0
      ? reportOk("process users", `${processes.length} processes, all as ${owner}`)
      : reportFailure("process users", `not as ${owner}: ${list(foreign)}`, `Set \`user: "${owner}"\`.`),
    strong.length === 0
      ? reportOk("process capabilities", "CHOWN, SETGID and SETUID at most")
      : reportFailure(
          "process capabilities",
          `more than CHOWN, SETGID and SETUID: ${list(strong)}`,
          "Drop the others.",
        ),
    open.length === 0
      ? reportOk("process seccomp", "all processes have a filter")
      : reportFailure("process seccomp", `no filter: ${list(open)}`, "Remove seccomp=unconfined."),
  ];
}
