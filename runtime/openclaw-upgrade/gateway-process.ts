/** OpenClaw's gateway as a process of its own group: started, found again by a file with its id and birth, and stopped. */

import { type SpawnOptions, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, renameSync, rmSync } from "node:fs";
import { z } from "zod";
import { tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { makePrivateFolder, nodeFiles } from "../node/files.ts";
import { killProcessGroup, readProcessStart } from "../node/programs.ts";
import type { UpgradeContext } from "./upgrade-driver.ts";

interface GatewayProcessOptions extends Pick<UpgradeContext, "clock" | "wait"> {
  /** Folder of the process id and the log; created when it is missing. */
  folder: string;
  pidPath: string;
  logPath: string;
}

const pidFileSchema = z.object({ pid: z.int().positive(), born: z.string() });

type PidFile = z.infer<typeof pidFileSchema>;

/**
 * Writes the process's own number and start time, and then becomes the gateway. The command that starts it may be killed
 * at once, and a gateway that nobody knows would keep the port and the state. `$1` is the file, the rest the program.
 */
const LAUNCH_SCRIPT = `umask 077
path=$1 && shift
# The shell's own name, the second field, has no space.
born=$(cut -d ' ' -f 22 "/proc/$$/stat") &&
  printf '{"pid":%s,"born":"%s"}' "$$" "$born" >"$path.draft" && mv -f -- "$path.draft" "$path" || exit 1
exec "$@"`;

/** Pause between two looks at a process that ends: 100 ms. */
const PAUSE: Ms = 100;

/** Timeout until a started process has written its number: 10 s, because it needs no more than a shell. */
const LAUNCH_TIMEOUT: Ms = 10 * SECOND;

/** A gateway that this command starts and stops itself, where no systemd unit does. It outlives the command. */
export function createGatewayProcess({ folder, pidPath, logPath, clock, wait }: GatewayProcessOptions) {
  /** The process that was started last, unless it has ended: its start time tells it from another with its number. */
  function findRunning(): PidFile | undefined {
    const { data: known } = pidFileSchema.safeParse(tryParseJson(nodeFiles.read(pidPath)?.text ?? ""));
    return known && readProcessStart(known.pid) === known.born ? known : undefined;
  }

  return {
    /** The number and birth of the process; "" when there is none. */
    identify: () => Object.values(findRunning() ?? {}).join(" "),
    async start(file: string, args: readonly string[], env: Record<string, string>) {
      if (findRunning()) return;
      makePrivateFolder(folder);
      // A log of its own for each start; the one before stays beside it.
      if (existsSync(logPath)) renameSync(logPath, `${logPath}.old`);
      const log = openSync(logPath, "w", 0o600);
      try {
        const options = { env, cwd: "/", detached: true, stdio: ["ignore", log, log] } satisfies SpawnOptions;
        const child = spawn("/bin/sh", ["-c", LAUNCH_SCRIPT, "sh", pidPath, file, ...args], options);
        await new Promise<void>((resolve, reject) => {
          child.once("spawn", resolve);
          child.once("error", reject);
        });
        const end = clock() + LAUNCH_TIMEOUT;
        while (findRunning()?.pid !== child.pid) {
          if (child.exitCode !== null || child.signalCode !== null || clock() >= end)
            throw new Error(`the gateway ended at once; ${logPath} may say why`);
          await wait(PAUSE);
        }
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
        killProcessGroup(running.pid);
        while (findRunning() && clock() < end) await wait(PAUSE);
        if (findRunning()) throw new Error(`the gateway, process ${running.pid}, does not end`);
      }
      rmSync(pidPath, { force: true });
    },
  };
}
