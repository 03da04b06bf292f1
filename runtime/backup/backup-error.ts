import { CommandError, EXIT } from "../cli/command-error.ts";

/** The command failed for a reason that the message names; nothing more was done. */
export function createBackupError(message: string): CommandError {
  return new CommandError(EXIT.failed, message);
}

/** A person must change a setting first. */
export function createSettingError(message: string): CommandError {
  return new CommandError(EXIT.config, message);
}

/** The backup is broken, incomplete or not one for this installation. Nothing was touched. */
export function createRefusal(message: string): CommandError {
  return new CommandError(EXIT.failed, `${message} Nothing was changed.`, { code: "refused" });
}
