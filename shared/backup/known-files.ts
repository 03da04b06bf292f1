import { BACKUP_PARTS, type BackupPart } from "./backup-manifest.ts";

/** Files and folders beside SECRETS_FILE that belong to the secrets, besides that file itself. */
export const SECRET_FILES = ["provision-secrets.json", "groundcrew.json", "connection.env"] as const;
export const SECRET_FOLDERS = ["agents", "openclaw"] as const;
/** The name of SECRETS_FILE in a backup, because it may have another one on the machine that restores it. */
export const SECRETS_NAME = "secrets.json";
/** The settings in a backup: a settings file of its own, and the `.env` of a checkout or of Compose. */
export const SETTINGS_NAMES = ["groundcrew.json", ".env", "compose.env"] as const;

/**
 * Finds the part to which a file of a backup belongs; undefined for a file that no backup has. A restore puts files where
 * their names say, so it accepts no others: an `.ssh/authorized_keys` among the secrets would be one for the service's user.
 */
export function findPart(path: string): BackupPart | undefined {
  const { database, uploads, secrets, settings, sqliteStore, redisStore } = BACKUP_PARTS;
  if (path === database) return "database";
  if (path === sqliteStore || path === redisStore) return "store";
  const [folder, name = "", ...rest] = path.split("/");
  if (folder === uploads) return name === "" ? undefined : "uploads";
  if (folder === settings) return rest.length === 0 && includes(SETTINGS_NAMES, name) ? "settings" : undefined;
  if (folder !== secrets) return undefined;
  const isFile = name === SECRETS_NAME || includes(SECRET_FILES, name);
  return (rest.length === 0 ? isFile : includes(SECRET_FOLDERS, name)) ? "secrets" : undefined;
}

const includes = (names: readonly string[], name: string) => names.includes(name);
