import { readdirSync, readFileSync } from "node:fs";
import type { Ms } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";

/** Name of the variable by which the processes of a session are recognised, whoever is their parent by now. */
export const SESSION_VARIABLE = "GROUNDCREW_SESSION";

/** Timeout for processes after SIGTERM: 2 s. */
const TERMINATION_MS: Ms = 2_000;
/** Timeout for processes after SIGKILL: 3 s; only a process that waits for a disk needs more. */
const KILL_MS: Ms = 3_000;
const CHECK_MS: Ms = 50;

/**
 * Finds the processes of a session: all that have inherited its id in their environment. Children survive a killed
 * parent, and then nothing else connects them with the session. Only Linux tells the environments of processes.
 */
export function findSessionProcesses(sessionId: string): number[] {
  const entry = `${SESSION_VARIABLE}=${sessionId}`;
  return listProcessIds().filter((pid) => {
    const environment = tryRead(`/proc/${pid}/environ`);
    return environment?.split("\0").includes(entry) === true && !isZombie(pid);
  });
}

/** Ends all processes of a session: SIGTERM, then SIGKILL. Throws when one is still alive. */
export async function endSessionProcesses(sessionId: string): Promise<void> {
  for (const [signal, timeout] of [
    ["SIGTERM", TERMINATION_MS],
    ["SIGKILL", KILL_MS],
  ] as const) {
    for (let waited = 0; waited <= timeout; waited += CHECK_MS) {
      const pids = findSessionProcesses(sessionId);
      if (pids.length === 0) return;
      // Repeated, because a process may have started another one meanwhile.
      for (const pid of pids) if (waited === 0 || signal === "SIGKILL") sendSignal(pid, signal);
      await wait(CHECK_MS);
    }
  }
  throw new Error(`Processes of the session cannot be ended: ${findSessionProcesses(sessionId).join(", ")}`);
}

function listProcessIds(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Whether a process has ended and only its parent has not noticed. */
function isZombie(pid: number): boolean {
  return /^\d+ \(.*\) [ZX] /s.test(tryRead(`/proc/${pid}/stat`) ?? "");
}

function sendSignal(pid: number, signal: NodeJS.Signals) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
