import { z } from "zod";
import { getOpenclawTokenVariable } from "../../shared/config/openclaw-agents.ts";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { replaceOpenclawVariable } from "./openclaw-config.ts";

/** Files on this machine. */
export interface Disk {
  /**
   * The text of the file; undefined when it does not exist. Throws a GroundcrewError when the file has one of the
   * permission bits in `forbiddenMode`.
   */
  read(path: string, forbiddenMode?: number): Promise<string | undefined>;
  /** Writes atomically, also with regard to a power failure, and creates the folder with mode 0700. */
  write(path: string, text: string, mode: number): Promise<void>;
}

/** Permission bits that a file with secrets must not have: any for others than its owner. */
const FORBIDDEN_SECRETS_MODE = 0o077;
/**
 * Permission bits that an agent's token file must not have. Its group may read it, because an agent may run as another
 * user.
 */
const FORBIDDEN_TOKEN_MODE = 0o037;

const secretsFileSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

export type SecretsFile = Awaited<ReturnType<typeof openSecretsFile>>;

/**
 * Opens SECRETS_FILE and the agents' bridge token files next to it. Throws a GroundcrewError when SECRETS_FILE cannot
 * be parsed, so that it is never overwritten.
 */
export async function openSecretsFile(
  { secretsFile, given }: Pick<ProvisionSettings, "secretsFile" | "given">,
  disk: Disk,
  registerSecret: (secret: string) => void,
) {
  let stored = await readStored();

  async function readStored() {
    const found = Object.entries(await readJsonFile(disk, secretsFile, secretsFileSchema)).map(
      ([name, value]) => [name, typeof value === "string" ? [value] : value] as const,
    );
    for (const value of found.flatMap(([, values]) => values)) registerSecret(value);
    return new Map(found);
  }

  const secrets = {
    /** Whether the environment provides this secret; provision cannot change it then. */
    isFromEnvironment: (name: string) => given.has(name),
    /** The valid values, the one to use first. */
    getValues: (name: string): readonly string[] => given.get(name) ?? stored.get(name) ?? [],
    getFirstValue: (name: string): string | undefined => secrets.getValues(name)[0],
    /** All entries of SECRETS_FILE. */
    listEntries: (): [string, readonly string[]][] => [...stored],
    /**
     * Stores a secret's values in SECRETS_FILE. Reads the file again first, because other programs write to it, too.
     */
    async storeValues(name: string, values: readonly string[]) {
      stored = await readStored();
      stored.set(name, [...values]);
      for (const value of values) registerSecret(value);
      const entries = [...stored].map(([key, list]) => [key, list.length === 1 ? list[0] : list]);
      await disk.write(secretsFile, formatJsonFile(Object.fromEntries(entries)), 0o600);
    },
    /**
     * Updates an agent's token in the file with the environment of OpenClaw's gateway. Does nothing when provision has
     * not written that file.
     */
    async updateOpenclawToken(agent: string, token: string) {
      const path = getOpenclawEnvironmentPath(secretsFile);
      const text = await disk.read(path);
      if (text === undefined) return;
      await disk.write(path, replaceOpenclawVariable(text, getOpenclawTokenVariable(agent), token), 0o600);
    },
    /** Path of the file with an agent's own bridge token. */
    getTokenPath: (agent: string) => getBridgeTokenPath(secretsFile, agent),
    async readBridgeToken(agent: string): Promise<string | undefined> {
      const token = (await disk.read(secrets.getTokenPath(agent), FORBIDDEN_TOKEN_MODE))?.trim() || undefined;
      if (token) registerSecret(token);
      return token;
    },
    async storeBridgeToken(agent: string, token: string) {
      registerSecret(token);
      await disk.write(secrets.getTokenPath(agent), `${token}\n`, 0o600);
    },
  };
  return secrets;
}

/** The file with an agent's own bridge token. */
export function getBridgeTokenPath(secretsFile: string, agent: string): string {
  return toPathBesideSecrets(secretsFile, `agents/${agent.toLowerCase()}/token`);
}

/** The file with the tokens for the environment of OpenClaw's gateway. */
export function getOpenclawEnvironmentPath(secretsFile: string): string {
  return toPathBesideSecrets(secretsFile, "openclaw/openclaw.env");
}

/**
 * Reads a JSON file of secrets with this schema; a missing file counts as `{}`. Throws a GroundcrewError when it cannot be parsed.
 */
export async function readJsonFile<T>(disk: Disk, path: string, schema: z.ZodType<T>): Promise<T> {
  const text = (await disk.read(path, FORBIDDEN_SECRETS_MODE)) ?? "{}";
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new GroundcrewError("bad_request", `${path} has an unknown format: fix it, or move it away.`);
  }
}

export function formatJsonFile(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
