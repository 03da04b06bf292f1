import { spawn } from "node:child_process";
import { basename } from "node:path";
import { getErrorMessage } from "../../shared/errors.ts";
import { createBackupError } from "./backup-error.ts";

/**
 * Runs the program of BACKUP_AFTER, without a shell, with `{backup}`, `{folder}` and `{name}` replaced in its
 * arguments. Its output goes to standard error. Throws when it fails; the backup stays.
 */
export async function runAfterBackup(
  after: readonly string[],
  { backup, folder, env }: { backup: string; folder: string; env: Record<string, string> },
): Promise<void> {
  const values: Record<string, string> = { "{backup}": backup, "{folder}": folder, "{name}": basename(backup) };
  const [program, ...args] = after.map((word) =>
    word.replaceAll(/\{(backup|folder|name)\}/g, (name) => values[name] ?? name),
  );
  if (program === undefined) return;
  const failure = await new Promise<string | undefined>((resolve) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
    child.stdout.pipe(process.stderr, { end: false });
    child.once("error", (thrown) => resolve(getErrorMessage(thrown)));
    child.once("close", (code, signal) =>
      resolve(code === 0 ? undefined : signal === null ? `exit code ${code}` : `ended by ${signal}`),
    );
  });
  if (failure !== undefined)
    throw createBackupError(`The backup ${backup} was made, but BACKUP_AFTER failed (${program}: ${failure}).`);
}
