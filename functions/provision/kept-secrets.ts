import { z } from "zod";
import { besideSecrets } from "../../shared/config/provision.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { GroundcrewError } from "../../shared/errors.ts";

/** Files on this machine. */
export interface Disk {
  /** Undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** In one go, so that it is there whole or not at all, even after a loss of power; makes its folder (0700). */
  write(path: string, text: string, mode: number): Promise<void>;
}

const keptSchema = z.record(z.string(), z.union([z.string(), z.array(z.string())]));

export type KeptSecrets = Awaited<ReturnType<typeof openKeptSecrets>>;

/**
 * SECRETS_FILE and the agents' bridge tokens beside it. Throws a GroundcrewError for a file that cannot be understood:
 * nothing is written over it.
 */
export async function openKeptSecrets(
  { secretsFile, given }: Pick<ProvisionSettings, "secretsFile" | "given">,
  disk: Disk,
  reveal: (secret: string) => void,
) {
  let kept = await readKept();

  async function readKept() {
    const found = Object.entries(await readJson(disk, secretsFile, keptSchema)).map(
      ([name, value]) => [name, typeof value === "string" ? [value] : value] as const,
    );
    for (const value of found.flatMap(([, values]) => values)) reveal(value);
    return new Map(found);
  }

  const secrets = {
    /** Whether it comes from the environment: then it is not ours to change. */
    isGiven: (name: string) => given.has(name),
    /** The values that count, the one to use first. */
    all: (name: string): readonly string[] => given.get(name) ?? kept.get(name) ?? [],
    first: (name: string): string | undefined => secrets.all(name)[0],
    /** Everything in SECRETS_FILE. */
    entries: (): [string, readonly string[]][] => [...kept],
    /** Writes a secret's values into SECRETS_FILE, over what is there now: others write there, too. */
    async keep(name: string, values: readonly string[]) {
      kept = await readKept();
      kept.set(name, [...values]);
      for (const value of values) reveal(value);
      const all = [...kept].map(([key, some]) => [key, some.length === 1 ? some[0] : some]);
      await disk.write(secretsFile, asText(Object.fromEntries(all)), 0o600);
    },
    /** Where an agent's own bridge token lies. */
    tokenFile: (agent: string) => besideSecrets(secretsFile, `agents/${agent.toLowerCase()}/token`),
    async bridgeToken(agent: string): Promise<string | undefined> {
      const token = (await disk.read(secrets.tokenFile(agent)))?.trim() || undefined;
      if (token) reveal(token);
      return token;
    },
    async keepBridgeToken(agent: string, token: string) {
      reveal(token);
      await disk.write(secrets.tokenFile(agent), `${token}\n`, 0o600);
    },
  };
  return secrets;
}

/** A JSON file in this form, or `{}` where there is none. Throws a GroundcrewError when it is in another. */
export async function readJson<T>(disk: Disk, path: string, schema: z.ZodType<T>): Promise<T> {
  const text = (await disk.read(path)) ?? "{}";
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new GroundcrewError("bad_request", `${path} is not in the known form: mend it, or move it away.`);
  }
}

export function asText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
