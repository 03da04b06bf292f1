import { z } from "zod";
import { toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { type Disk, formatJsonFile, openSecretsFile, readJsonFile } from "./secrets-file.ts";

const accountSchema = z.strictObject({
  /** Absent where it was given to us from outside. */
  password: z.string().optional(),
  /** Provision made this account, so its name and language are provision's to set. */
  made: z.boolean().default(false),
});

/** What only provision needs, in provision-secrets.json. Accounts by e-mail address, in lower case. */
const notesSchema = z.strictObject({
  accounts: z.record(z.string(), accountSchema).default({}),
  /** Plane's tokens by the name of the secret they are, with the first half of their SHA-256. */
  tokens: z.record(z.string(), z.array(z.strictObject({ id: z.string(), hash: z.string() }))).default({}),
  /** The slug of the workspace that provision made. */
  workspace: z.string().optional(),
  /** Our webhook's id in Plane. */
  webhook: z.string().optional(),
  /** The project whose sample tasks are done with: people may remove them. */
  samples: z.string().optional(),
  /** Hash of the address and secret Telegram was told last. */
  telegram: z.string().optional(),
});
export type ProvisionNotes = z.output<typeof notesSchema>;

export type Vault = Awaited<ReturnType<typeof openVault>>;

/**
 * Everything secret that provision reads and makes. Throws a GroundcrewError for a file that cannot be understood:
 * nothing is written over it.
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
    notes: (): ProvisionNotes => notes,
    async note(change: (notes: ProvisionNotes) => Partial<ProvisionNotes>) {
      notes = { ...notes, ...change(notes) };
      await disk.write(notesFile, formatJsonFile(notes), 0o600);
    },
    account: (email: string) => notes.accounts[email.toLowerCase()],
    async noteAccount(email: string, entry: ProvisionNotes["accounts"][string]) {
      if (entry.password) registerSecret(entry.password);
      await vault.note(({ accounts }) => ({ accounts: { ...accounts, [email.toLowerCase()]: entry } }));
    },
  };
  return vault;
}
