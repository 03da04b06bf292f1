import { z } from "zod";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { type Disk, formatJsonFile, openSecretsFile, readJsonFile } from "./secrets-file.ts";

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
});
export type ProvisionNotes = z.output<typeof notesSchema>;

export type Vault = Awaited<ReturnType<typeof openVault>>;

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
    async updateNotes(change: (notes: ProvisionNotes) => Partial<ProvisionNotes>) {
      notes = { ...notes, ...change(notes) };
      await disk.write(notesFile, formatJsonFile(notes), 0o600);
    },
    findAccount: (email: string) => notes.accounts[email.toLowerCase()],
    async storeAccount(email: string, entry: ProvisionNotes["accounts"][string]) {
      if (entry.password) registerSecret(entry.password);
      await vault.updateNotes(({ accounts }) => ({ accounts: { ...accounts, [email.toLowerCase()]: entry } }));
    },
  };
  return vault;
}
