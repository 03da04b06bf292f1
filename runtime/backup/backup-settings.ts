/** What a backup covers and where it goes, from the settings of this installation. */

import { dirname, resolve } from "node:path";
import { type Environment, toLocalUrl } from "../../shared/config/environment.ts";
import { formatSettingProblems } from "../../shared/config/setting-problem.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { nodeFiles } from "../node/files.ts";
import { createSettingError } from "./backup-error.ts";

/** What backup and restore need of the settings. All paths are absolute. */
export interface BackupSettings {
  secretsFile: string;
  /** The folder of SECRETS_FILE. */
  secretsFolder: string;
  /** The settings file, where it is not in the folder of SECRETS_FILE. */
  configFile?: string;
  store: { url: string; prefix: string };
  /** Absent where no Plane is configured, for example on a new machine before a restore. */
  plane?: { url: string; workspace: string };
  folder?: string;
  uploads?: string;
  databaseUrl?: string;
  /** Program and arguments of BACKUP_AFTER. */
  after: string[];
  /** Another program copies the backup elsewhere and reports it with `--copied`, as compose/backup does. */
  isCopiedLater: boolean;
  /** Address of the running Groundcrew, and the token for its administration. */
  address: string;
  adminToken?: string;
  /** Environment of programs that are started: paths, language and the like, without Groundcrew's own secrets. */
  env: Record<string, string>;
  /** The content of the file with which Compose was configured, where a backup is made in a container. */
  composeEnvironment?: string;
}

/** Environment variables that a started program does not get. */
const OWN_NAMES =
  /^(PLANE|TELEGRAM|GROUNDCREW|STORE|OPENCLAW|ADMIN|TICK|RUNNER|AGENT|BACKUP)_|^PG[A-Z]|^SECRETS_FILE$|^NODE_OPTIONS$/;

/**
 * Reads the settings of backup and restore. Invalid settings of other parts are no obstacle: a backup must be possible
 * when something else is broken. Throws a BackupError where one of these cannot be read.
 */
export function readBackupSettings(environment: Record<string, string | undefined>): BackupSettings {
  const { env, plain, secrets, problems } = readSettingsParts(environment, nodeFiles);
  if (!plain) throw createSettingError(formatSettingProblems(problems));
  const secretsFile = resolve(plain.SECRETS_FILE);
  const secretsFolder = dirname(secretsFile);
  const configFile = plain.GROUNDCREW_CONFIG === undefined ? undefined : resolve(plain.GROUNDCREW_CONFIG);
  const { BACKUP_COMPOSE_ENV: composeEnvironment, BACKUP_COPIED_LATER: copiedLater } = environment;
  return {
    secretsFile,
    secretsFolder,
    store: { url: secrets.get("STORE_URL")?.[0] ?? "file:./data", prefix: plain.STORE_PREFIX },
    after: (plain.BACKUP_AFTER ?? "").split(/\s+/).filter((word) => word !== ""),
    isCopiedLater: copiedLater === "1",
    address: env["GROUNDCREW_URL"] ?? toLocalUrl({ host: plain.HOST, port: plain.PORT }),
    env: listProgramEnvironment(environment),
    ...omitUndefined({
      configFile: configFile && dirname(configFile) !== secretsFolder ? configFile : undefined,
      plane: getPlane(plain),
      folder: plain.BACKUP_FOLDER && resolve(plain.BACKUP_FOLDER),
      uploads: plain.BACKUP_UPLOADS && resolve(plain.BACKUP_UPLOADS),
      databaseUrl: secrets.get("BACKUP_DATABASE_URL")?.[0],
      adminToken: secrets.get("ADMIN_TOKEN")?.[0],
      composeEnvironment: composeEnvironment || undefined,
    }),
  };
}

function listProgramEnvironment(environment: Record<string, string | undefined>): Record<string, string> {
  const pairs = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined || OWN_NAMES.test(name) ? [] : [[name, value] as const],
  );
  return Object.fromEntries(pairs);
}

function getPlane({ PLANE_URL: url, PLANE_WORKSPACE: workspace }: Environment): BackupSettings["plane"] {
  return url && workspace ? { url, workspace } : undefined;
}
