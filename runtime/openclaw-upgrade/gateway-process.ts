import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { z } from "zod";
import type { Ms } from "../../shared/time.ts";
import { makePrivateFolder, writePrivateFile } from "../runner/session-folder.ts";
import type { DeadlineDeps } from "./deadline.ts";

const pidFileSchema = z.object({ pid: z.int().positive(), born: z.string() });
type PidFile = z.infer<typeof pidFileSchema>;

export interface GatewayProcessOptions extends DeadlineDeps {
  /** Folder of the process id and the log; created when it is missing. */
  folder: string;
  pidPath: string;
  logPath: string;
}

/** Pause between two looks at a process that ends: 100 ms. */
const PAUSE: Ms = 100;

/** A gateway that this command starts and stops itself, where no systemd unit does. It outlives the command. */
export function createGatewayProcess({ folder, pidPath, logPath, clock, wait }: GatewayProcessOptions) {
  /** The process that was started last, unless it has ended: its start time tells it from another with its number. */
  function findRunning(): PidFile | undefined {
    const known = readPidFile(pidPath);
    return known && readProcessBirth(known.pid) === known.born ? known : undefined;
  }

  return {
    isRunning: () => findRunning() !== undefined,
    async start(file: string, args: readonly string[], env: Record<string, string>) {
      if (findRunning()) return;
      makePrivateFolder(folder);
      // A log of its own for each start; the one before stays beside it.
      if (existsSync(logPath)) renameSync(logPath, `${logPath}.old`);
      const log = openSync(logPath, "w", 0o600);
      try {
        const child = spawn(file, args, { env, cwd: "/", detached: true, stdio: ["ignore", log, log] });
        await new Promise<void>((resolve, reject) => {
          child.once("spawn", resolve);
          child.once("error", reject);
        });
        const born = child.pid === undefined ? undefined : readProcessBirth(child.pid);
        if (child.pid === undefined || born === undefined) throw new Error("the gateway ended at once");
        writePrivateFile(pidPath, JSON.stringify({ pid: child.pid, born }));
        child.unref();
      } finally {
        closeSync(log);
      }
    },
    /** Asks the gateway to end, and kills it with everything it started when half of the time is over. */
    async stop(timeout: Ms) {
      const running = findRunning();
      if (running) {
        const end = clock() + timeout;
        process.kill(running.pid, "SIGTERM");
        while (findRunning() && clock() < end - timeout / 2) await wait(PAUSE);
        // It has a group of its own; children that outlive it would keep the port.
        killGroup(running.pid);
        while (findRunning() && clock() < end) await wait(PAUSE);
        if (findRunning()) throw new Error(`the gateway, process ${running.pid}, does not end`);
      }
      rmSync(pidPath, { force: true });
    },
  };
}

function killGroup(pid: number) {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // All of it has ended.
  }
}

function readPidFile(path: string): PidFile | undefined {
  try {
    return pidFileSchema.safeParse(JSON.parse(readFileSync(path, "utf8"))).data;
  } catch {
    return undefined;
  }
}

/** The start time of a process in the kernel's ticks; undefined when it has ended, also when nobody has collected it. */
function readProcessBirth(pid: number): string | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
