/**
 * The files that `provision` keeps: the secrets of Groundcrew, its own notes about accounts and tokens, the bridge
 * tokens, and the settings for OpenClaw.
 */

import { z } from "zod";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { toSettingName } from "../../shared/config/settings-file.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/hashing.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { tryParseJson } from "../../shared/text.ts";
import { listTokenFiles, replaceOpenclawToken } from "./openclaw-settings.ts";

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

/** The same for an agent's token. Its group may read it, because an agent may run as another user. */
const FORBIDDEN_TOKEN_MODE = 0o037;

const secretsFileSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

const accountSchema = z.strictObject({
  /** Absent when the password comes from the settings. */
  password: z.string().optional(),
  /** Whether provision created this account; only then it sets the account's name and language. */
  made: z.boolean().default(false),
});

/**
 * Content of provision-secrets.json, which only provision reads. Accounts are keyed by e-mail address in lower case.
 */
const notesSchema = z.strictObject({
  accounts: z.record(z.string(), accountSchema).default({}),
  /** Tokens in Plane by the name of their setting; `hash` is the first half of the token's SHA-256. */
  tokens: z.record(z.string(), z.array(z.strictObject({ id: z.string(), hash: z.string() }))).default({}),
  /** Slug of the workspace that provision created. */
  workspace: z.string().optional(),
  /** Id of provision's webhook in Plane. */
  webhook: z.string().optional(),
  /** Project whose sample tasks were all created; they are never created again, so people may delete them. */
  samples: z.string().optional(),
  /** Hash of the address and secret that were last registered with Telegram. */
  telegram: z.string().optional(),
  /** The names by which the first project's states and labels count, by their ids; people may rename them. */
  names: z.record(z.string(), z.string()).default({}),
});

type ProvisionNotes = z.output<typeof notesSchema>;

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
    const found = Object.entries(await readJsonFile(disk, secretsFile, secretsFileSchema));
    for (const value of found.flatMap(([, values]) => values)) registerSecret(value);
    return new Map(found.map(([name, value]) => [name, [value].flat()]));
  }

  const secrets = {
    /** Whether the environment provides this secret; provision cannot change it then. */
    isFromEnvironment: (name: string) => given.has(name),
    /** The valid values, the one to use first. */
    getValues: (name: string): readonly string[] => given.get(name) ?? stored.get(name) ?? [],
    getFirstValue: (name: string): string | undefined => secrets.getValues(name)[0],
    listEntries: (): [string, readonly string[]][] => [...stored],
    /**
     * Stores a secret's values in SECRETS_FILE; without values it is removed. Reads the file again first, because other
     * programs write to it, too.
     */
    async storeValues(name: string, values: readonly string[]) {
      stored = await readStored();
      if (values.length > 0) stored.set(name, [...values]);
      else stored.delete(name);
      for (const value of values) registerSecret(value);
      const entries = [...stored].map(([key, list]) => [key, list.length === 1 ? list[0] : list]);
      await disk.write(secretsFile, formatJsonFile(Object.fromEntries(entries)), 0o600);
    },
    /** Replaces an agent's token in the settings for OpenClaw that provision has written. */
    async updateOpenclawToken(agent: string, token: string) {
      for (const name of listTokenFiles(agent)) {
        const path = getOpenclawPath(secretsFile, name);
        const text = await disk.read(path);
        const changed = text && replaceOpenclawToken(text, agent, token);
        if (changed) await disk.write(path, changed, 0o600);
      }
    },
    getTokenPath: (agent: string) => getBridgeTokenPath(secretsFile, agent),
    async readBridgeToken(agent: string): Promise<string | undefined> {
      const token = (await disk.read(secrets.getTokenPath(agent), FORBIDDEN_TOKEN_MODE))?.trim() || undefined;
      if (token) registerSecret(token);
      return token;
    },
    async readBridgeTokenHash(agent: string): Promise<string | undefined> {
      const token = await secrets.readBridgeToken(agent);
      return token && hashBridgeToken(token);
    },
    async storeBridgeToken(agent: string, token: string) {
      registerSecret(token);
      await disk.write(secrets.getTokenPath(agent), `${token}\n`, 0o600);
    },
  };
  return secrets;
}

export type SecretsFile = Awaited<ReturnType<typeof openSecretsFile>>;

/**
 * Reads a JSON file of secrets with this schema; a missing file counts as `{}`. Throws a GroundcrewError when it cannot
 * be parsed.
 */
async function readJsonFile<T>(disk: Disk, path: string, schema: z.ZodType<T>): Promise<T> {
  const parsed = schema.safeParse(tryParseJson((await disk.read(path, FORBIDDEN_SECRETS_MODE)) ?? "{}"));
  if (parsed.success) return parsed.data;
  throw new GroundcrewError("bad_request", `${path} has an unknown format: fix it, or move it away.`);
}

/**
 * Opens all secrets that provision reads and creates. Throws a GroundcrewError when a file cannot be parsed, so that it
 * is never overwritten.
 */
export async function openVault(
  settings: Pick<ProvisionSettings, "secretsFile" | "given">,
  disk: Disk,
  registerSecret: (secret: string) => void,
) {
  const notesFile = toPathBesideSecrets(settings.secretsFile, "provision-secrets.json");
  const secrets = await openSecretsFile(settings, disk, registerSecret);
  let notes = await readJsonFile(disk, notesFile, notesSchema);
  for (const { password } of Object.values(notes.accounts)) if (password) registerSecret(password);

  const vault = {
    ...secrets,
    notesFile,
    getNotes: (): ProvisionNotes => notes,
    async updateNotes(changes: Partial<ProvisionNotes>) {
      notes = { ...notes, ...changes };
      await disk.write(notesFile, formatJsonFile(notes), 0o600);
    },
    findAccount: (email: string) => notes.accounts[email.toLowerCase()],
    async storeAccount(email: string, entry: ProvisionNotes["accounts"][string]) {
      if (entry.password) registerSecret(entry.password);
      await vault.updateNotes({ accounts: { ...notes.accounts, [email.toLowerCase()]: entry } });
    },
    /** What is known of a setting's tokens in Plane, the newest first. */
    getTokenEntries: (setting: string) => notes.tokens[setting] ?? [],
    storeTokenEntries: (setting: string, entries: ProvisionNotes["tokens"][string]) =>
      vault.updateNotes({ tokens: { ...notes.tokens, [setting]: entries } }),
  };
  return vault;
}

export type Vault = Awaited<ReturnType<typeof openVault>>;

/** The file with an agent's own bridge token. */
export function getBridgeTokenPath(secretsFile: string, agent: string): string {
  return toPathBesideSecrets(secretsFile, `agents/${agent.toLowerCase()}/token`);
}

/** The path of a file with settings for OpenClaw. */
export const getOpenclawPath = (secretsFile: string, name: string) =>
  toPathBesideSecrets(secretsFile, `openclaw/${name}`);

export const formatJsonFile = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

export const hashBridgeToken = async (token: string) => `sha256:${await sha256Hex(token)}`;

export const getBridgeTokenSetting = (agent: string) => `AGENT_TOKEN_${toSettingName(agent)}`;

/**
 * Creates a bridge token that is valid alongside the one in use; older ones become invalid. Returns the new token.
 * `waitUntilKnown` resolves when the runtime has read the new hash, because it would refuse the new token before that.
 */
export async function renewBridgeToken(
  secrets: SecretsFile,
  agent: string,
  newSecret: () => string,
  waitUntilKnown: () => Promise<void> = async () => {},
): Promise<string> {
  const token = newSecret();
  const setting = getBridgeTokenSetting(agent);
  const previousHashes = secrets.getValues(setting);
  const currentHash = await findHashInUse(secrets, agent);
  // The hash is stored first, because the agent must not have a token that the runtime does not know yet.
  await secrets.storeValues(setting, keepDefined([await hashBridgeToken(token), currentHash || undefined]));
  try {
    await waitUntilKnown();
    await secrets.storeBridgeToken(agent, token);
  } catch (thrown) {
    // Otherwise the next run would treat the new token, which the agent never received, as the one in use.
    if (previousHashes.length > 0) await secrets.storeValues(setting, previousHashes).catch(() => {});
    throw thrown;
  }
  // Both tokens are valid, and the next run of provision repeats this write, so a failure here is harmless.
  await secrets.updateOpenclawToken(agent, token).catch(() => {});
  return token;
}

/** The hash of the token in the agent's own file, or the first stored hash when that token is missing or unknown. */
async function findHashInUse(secrets: SecretsFile, agent: string): Promise<string | undefined> {
  const hashes = secrets.getValues(getBridgeTokenSetting(agent));
  const hash = await secrets.readBridgeTokenHash(agent);
  return hash && (hashes.length === 0 || hashes.includes(hash)) ? hash : hashes[0];
}

/** Makes all bridge tokens but the newest invalid. Returns false when there was no older one. */
export async function retireBridgeTokens(secrets: SecretsFile, agent: string): Promise<boolean> {
  const setting = getBridgeTokenSetting(agent);
  const currentHash = await findHashInUse(secrets, agent);
  if (currentHash === undefined || secrets.getValues(setting).length < 2) return false;
  await secrets.storeValues(setting, [currentHash]);
  return true;
}
