/** Why a backup or restore did not happen. */
export class BackupError extends Error {
  /**
   * `failed`: something did not work; `refused`: the backup cannot be restored, and nothing was changed; `setting`: a
   * person must change a setting first.
   */
  readonly kind: "failed" | "refused" | "setting";

  constructor(kind: BackupError["kind"], message: string) {
    super(message);
    this.name = "BackupError";
    this.kind = kind;
  }
}

export function createBackupError(message: string): BackupError {
  return new BackupError("failed", message);
}

export function createSettingError(message: string): BackupError {
  return new BackupError("setting", message);
}

/** The backup is broken, incomplete or not one for this installation. */
export function createRefusal(message: string): BackupError {
  return new BackupError("refused", `${message} Nothing was changed.`);
}
