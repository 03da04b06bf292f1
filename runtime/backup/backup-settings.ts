/** What a backup covers and where it goes, from the settings of this installation. */

import { dirname, join, resolve } from "node:path";
import { toLocalUrl } from "../../shared/config/environment.ts";
import { formatSettingProblems } from "../../shared/config/setting-problem.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { nodeFiles } from "../node/files.ts";
import { pickVariables } from "../node/programs.ts";
import { createSettingError } from "./manifest.ts";

export type BackupSettings = ReturnType<typeof readBackupSettings>;

/** Environment variables that a started program gets: all but Groundcrew's own. */
const PASSED_NAMES =
  /^(?!(?:PLANE|TELEGRAM|GROUNDCREW|STORE|OPENCLAW|ADMIN|TICK|RUNNER|AGENT|BACKUP)_|PG[A-Z]|SECRETS_FILE$|NODE_OPTIONS$)/;

/**
 * Reads what backup and restore need of the settings; all paths are absolute. Invalid settings of other parts are no
 * obstacle: a backup must be possible when something else is broken. Throws a BackupError where one of these cannot be
 * read.
 */
export function readBackupSettings(environment: Record<string, string | undefined>) {
  const { env, plain, secrets, problems } = readSettingsParts(environment, nodeFiles);
  if (!plain) throw createSettingError(formatSettingProblems(problems));
  const secretsFile = resolve(plain.SECRETS_FILE);
  const secretsFolder = dirname(secretsFile);
  const configFile = plain.GROUNDCREW_CONFIG === undefined ? undefined : resolve(plain.GROUNDCREW_CONFIG);
  // BACKUP_DATABASE_PIPES: the folder that the container `backup` shares with one that has PostgreSQL's programs.
  const { HOME: home, BACKUP_DATABASE_PIPES: pipes } = environment;
  /** A path that is named, or the place below the user's home. */
  const findPlace = (named: string | undefined, below: string) =>
    named !== undefined
      ? { path: resolve(named), isNamed: true }
      : home
        ? { path: join(home, below), isNamed: false }
        : undefined;
  const runnerConfig = findPlace(plain.BACKUP_RUNNER, ".config/groundcrew");
  /** Saved elsewhere: with the secrets, or as the runner's. */
  const isSavedElsewhere =
    configFile !== undefined &&
    (dirname(configFile) === secretsFolder || configFile === join(runnerConfig?.path ?? "", "runner.json"));
  const { PLANE_URL: url, PLANE_WORKSPACE: workspace } = plain;
  return {
    secretsFile,
    secretsFolder,
    /** The `.env` of a checkout. */
    environmentFile: resolve(".env"),
    store: {
      url: secrets.get("STORE_URL")?.[0] ?? "file:./data",
      prefix: plain.STORE_PREFIX,
      isNamed: secrets.has("STORE_URL"),
    },
    /** Program and arguments of BACKUP_AFTER. */
    after: (plain.BACKUP_AFTER ?? "").split(/\s+/).filter((word) => word !== ""),
    /** Another program copies the backup elsewhere and reports it with `--copied`, as compose/backup does. */
    isCopiedLater: environment["BACKUP_COPIED_LATER"] === "1",
    address: env["GROUNDCREW_URL"] ?? toLocalUrl({ host: plain.HOST, port: plain.PORT }),
    /** Environment of programs that are started: paths, language and the like, without Groundcrew's own secrets. */
    env: pickVariables(environment, PASSED_NAMES),
    ...omitUndefined({
      /** The settings file, where no other part has it. */
      configFile: isSavedElsewhere ? undefined : configFile,
      runnerConfig,
      /** RUNNER_FOLDER, as the runner itself finds it. */
      runnerFolder: findPlace(env["RUNNER_FOLDER"], ".local/state/groundcrew-runner"),
      claude: plain.BACKUP_CLAUDE && resolve(plain.BACKUP_CLAUDE),
      /** Absent where no Plane is configured, for example on a new machine before a restore. */
      plane: url && workspace ? { url, workspace } : undefined,
      folder: plain.BACKUP_FOLDER && resolve(plain.BACKUP_FOLDER),
      uploads: plain.BACKUP_UPLOADS && resolve(plain.BACKUP_UPLOADS),
      databaseUrl: pipes ? `pipe:${pipes}` : secrets.get("BACKUP_DATABASE_URL")?.[0],
      adminToken: secrets.get("ADMIN_TOKEN")?.[0],
      /** The content of the file with which Compose was configured, where a backup is made in a container. */
      composeEnvironment: environment["BACKUP_COMPOSE_ENV"] || undefined,
    }),
  };
}
