/**
 * Bridge tokens that are replaced while the product runs: in the secrets file, one change at a time, under the lock of
 * provision, which writes the same file.
 */

import {
  type Disk,
  getBridgeTokenSetting,
  openSecretsFile,
  renewBridgeToken,
  retireBridgeTokens,
  type SecretsFile,
} from "../../functions/provision/files.ts";
import type { BridgeTokens } from "../../shared/app/deps.ts";
import { PROVISION_LOCK_FILE, type Secrets, toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createOrderedRunner } from "../../shared/time.ts";

interface BridgeTokensOptions {
  secretsFile: string;
  /** Reads the secrets in the environment, which override SECRETS_FILE. */
  readOverridingSecrets: () => Secrets;
  disk: Disk;
  newSecret: () => string;
  /** Acquires the lock of provision, which writes the same files. Throws a GroundcrewError when provision is running. */
  lock: (path: string) => Promise<{ release(): void }>;
}

/** Creates the replacement of bridge tokens in SECRETS_FILE, one change at a time, as provision does it. */
export function createBridgeTokens({
  secretsFile,
  readOverridingSecrets,
  disk,
  newSecret,
  lock,
}: BridgeTokensOptions): BridgeTokens {
  const runInOrder = createOrderedRunner();

  async function changeSecrets<T>(agent: string, change: (secrets: SecretsFile) => Promise<T>): Promise<T> {
    const name = getBridgeTokenSetting(agent);
    const settings = { secretsFile, given: readOverridingSecrets() };
    if (settings.given.has(name))
      throw new GroundcrewError(
        "conflict",
        `${name} comes from the environment, which overrides SECRETS_FILE: replace it there, or remove it there, restart Groundcrew and try again.`,
        { refusal: { name: "tokenOverridden", values: { setting: name } } },
      );
    try {
      const heldLock = await lock(toPathBesideSecrets(secretsFile, PROVISION_LOCK_FILE));
      try {
        return await change(await openSecretsFile(settings, disk, () => {}));
      } finally {
        heldLock.release();
      }
    } catch (thrown) {
      const refusal = { name: "tokenNotReplaced" as const, values: { agent } };
      if (thrown instanceof GroundcrewError) throw new GroundcrewError("unavailable", thrown.message, { refusal });
      throw new GroundcrewError(
        "unavailable",
        `${agent}'s bridge token was not replaced: ${secretsFile} or another file in its folder cannot be read or written. Give this user access to the folder and try again.`,
        { cause: thrown, refusal },
      );
    }
  }

  return {
    renew: (agent) => runInOrder(() => changeSecrets(agent, (secrets) => renewBridgeToken(secrets, agent, newSecret))),
    retire: (agent) => runInOrder(() => changeSecrets(agent, (secrets) => retireBridgeTokens(secrets, agent))),
  };
}
