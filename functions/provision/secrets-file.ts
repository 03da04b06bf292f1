import { z } from "zod";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { GroundcrewError } from "../../shared/errors.ts";

/** Files on this machine. */
export interface Disk {
  /** Undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** In one go, so that it is there whole or not at all, even after a loss of power; makes its folder (0700). */
  write(path: string, text: string, mode: number): Promise<void>;
}

const secretsFileSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

export type SecretsFile = Awaited<ReturnType<typeof openSecretsFile>>;

/**
 * SECRETS_FILE and the agents' bridge tokens beside it. Throws a GroundcrewError for a file that cannot be understood:
 * nothing is written over it.
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
    /** Whether it comes from the environment: then it is not ours to change. */
    isGiven: (name: string) => given.has(name),
    /** The values that count, the one to use first. */
    all: (name: string): readonly string[] => given.get(name) ?? stored.get(name) ?? [],
    first: (name: string): string | undefined => secrets.all(name)[0],
    /** Everything in SECRETS_FILE. */
    entries: (): [string, readonly string[]][] => [...stored],
    /** Writes a secret's values into SECRETS_FILE, over what is there now: others write there, too. */
    async keep(name: string, values: readonly string[]) {
      stored = await readStored();
      stored.set(name, [...values]);
      for (const value of values) registerSecret(value);
      const all = [...stored].map(([key, some]) => [key, some.length === 1 ? some[0] : some]);
      await disk.write(secretsFile, formatJsonFile(Object.fromEntries(all)), 0o600);
    },
    /** Where an agent's own bridge token lies. */
    tokenFile: (agent: string) => toPathBesideSecrets(secretsFile, `agents/${agent.toLowerCase()}/token`),
    async bridgeToken(agent: string): Promise<string | undefined> {
      const token = (await disk.read(secrets.tokenFile(agent)))?.trim() || undefined;
      if (token) registerSecret(token);
      return token;
    },
    async keepBridgeToken(agent: string, token: string) {
      registerSecret(token);
      await disk.write(secrets.tokenFile(agent), `${token}\n`, 0o600);
    },
  };
  return secrets;
}

/** A JSON file in this form, or `{}` where there is none. Throws a GroundcrewError when it is in another. */
export async function readJsonFile<T>(disk: Disk, path: string, schema: z.ZodType<T>): Promise<T> {
  const text = (await disk.read(path)) ?? "{}";
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new GroundcrewError("bad_request", `${path} is not in the known form: mend it, or move it away.`);
  }
}

export function formatJsonFile(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
