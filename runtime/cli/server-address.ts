import { basename, dirname, join, resolve } from "node:path";
import { readConnectionFile } from "../../shared/config/connection-file.ts";
import { environmentSchema } from "../../shared/config/environment.ts";
import { toLocalUrl } from "../../shared/config/local-url.ts";
import { nodeFiles } from "../node/settings-files.ts";
import { CommandError, EXIT } from "./command-error.ts";

const connectionSchema = environmentSchema.pick({ PLANE_URL: true, PUBLIC_URL: true, HOST: true, PORT: true });

/**
 * Groundcrew's address: GROUNDCREW_URL, or the one in provision's settings beside the token that it created
 * (GROUNDCREW_TOKEN_FILE=…/agents/<agent>/token). Settings in the current folder are not read, because whoever wrote
 * them would receive the token. Undefined when there is none; throws when the settings cannot be trusted.
 */
export function findServerAddress(env: Record<string, string | undefined>): string | undefined {
  const tokenFile = env["GROUNDCREW_TOKEN_FILE"];
  if (env["GROUNDCREW_URL"] || env["GROUNDCREW_TOKEN"] || !tokenFile) return env["GROUNDCREW_URL"];
  const agents = dirname(dirname(resolve(tokenFile)));
  if (basename(tokenFile) !== "token" || basename(agents) !== "agents") return undefined;
  const connection = readConnectionFile(join(dirname(agents), "secrets.json"), nodeFiles);
  const [problem] = connection.problems.map(({ name, given, wanted }) => `${name} is ${given}; wanted: ${wanted}.`);
  const refusal = problem ?? connection.warnings[0];
  if (refusal !== undefined) throw new CommandError(EXIT.usage, `${refusal} Or set GROUNDCREW_URL.`);
  const settings = connectionSchema.safeParse(connection.env).data;
  if (settings === undefined || settings.PLANE_URL === undefined) return undefined;
  return settings.PUBLIC_URL ?? toLocalUrl({ host: settings.HOST, port: settings.PORT });
}
