/** Kills a process that leads a group of its own, with all its children. A group that has already ended is no error. */
export function killProcessGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // The group has ended meanwhile.
  }
}
