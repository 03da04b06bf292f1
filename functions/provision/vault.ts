import { z } from "zod";
import { besideSecrets } from "../../shared/config/provision.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { asText, type Disk, openKeptSecrets, readJson } from "./kept-secrets.ts";

const account = z.strictObject({
  /** Absent where it was given to us from outside. */
  password: z.string().optional(),
  /** Provision made this account, so its name and language are provision's to set. */
  made: z.boolean().default(false),
});

/** What only provision needs, in provision-secrets.json. Accounts by e-mail address, in lower case. */
const notesSchema = z.strictObject({
  accounts: z.record(z.string(), account).default({}),
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
export type Notes = z.output<typeof notesSchema>;

export type Vault = Awaited<ReturnType<typeof openVault>>;

/**
 * Everything secret that provision reads and makes. Throws a GroundcrewError for a file that cannot be understood:
 * nothing is written over it.
 */
export async function openVault(
  settings: Pick<ProvisionSettings, "secretsFile" | "given">,
  disk: Disk,
  reveal: (secret: string) => void,
) {
  const notesFile = besideSecrets(settings.secretsFile, "provision-secrets.json");
  const secrets = await openKeptSecrets(settings, disk, reveal);
  let notes = await readJson(disk, notesFile, notesSchema);
  for (const { password } of Object.values(notes.accounts)) if (password) reveal(password);

  const vault = {
    ...secrets,
    notesFile,
    notes: (): Notes => notes,
    async note(change: (notes: Notes) => Partial<Notes>) {
      notes = { ...notes, ...change(notes) };
      await disk.write(notesFile, asText(notes), 0o600);
    },
    account: (email: string) => notes.accounts[email.toLowerCase()],
    async noteAccount(email: string, is: Notes["accounts"][string]) {
      if (is.password) reveal(is.password);
      await vault.note(({ accounts }) => ({ accounts: { ...accounts, [email.toLowerCase()]: is } }));
    },
  };
  return vault;
}
