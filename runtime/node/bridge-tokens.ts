import {
  getBridgeTokenSetting,
  renewBridgeToken,
  retireBridgeTokens,
} from "../../functions/provision/bridge-tokens.ts";
import { type Disk, openSecretsFile, type SecretsFile } from "../../functions/provision/secrets-file.ts";
import type { BridgeTokens } from "../../shared/app/deps.ts";
import { PROVISION_LOCK_FILE, toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import type { Secrets } from "../../shared/config/secrets.ts";
import { GroundcrewError } from "../../shared/errors.ts";

interface BridgeTokensOptions {
  secretsFile: string;
  /** What the environment gives, which wins over the file. */
  given: () => Secrets;
  disk: Disk;
  newSecret: () => string;
  /** Keeps provision, which writes the same files, away meanwhile. Throws a GroundcrewError when it is at work. */
  lock: (path: string) => Promise<{ release(): void }>;
}

/** Replaces bridge tokens in SECRETS_FILE, one at a time, as provision does. */
export function createBridgeTokens({ secretsFile, given, disk, newSecret, lock }: BridgeTokensOptions): BridgeTokens {
  let last: Promise<unknown> = Promise.resolve();

  async function change<T>(agent: string, act: (secrets: SecretsFile) => Promise<T>): Promise<T> {
    const name = getBridgeTokenSetting(agent);
    const settings = { secretsFile, given: given() };
    if (settings.given.has(name))
      throw new GroundcrewError(
        "conflict",
        `${name} comes from the environment, which wins over SECRETS_FILE: replace it there, or take it out there, start Groundcrew again and ask again.`,
      );
    try {
      const heldLock = await lock(toPathBesideSecrets(secretsFile, PROVISION_LOCK_FILE));
      try {
        return await act(await openSecretsFile(settings, disk, () => {}));
      } finally {
        heldLock.release();
      }
    } catch (thrown) {
      if (thrown instanceof GroundcrewError) throw new GroundcrewError("unavailable", thrown.message);
      throw new GroundcrewError(
        "unavailable",
        `${agent}'s bridge token was not replaced, because ${secretsFile} or a file beside it cannot be read or written: let this user write there, and try again.`,
        { cause: thrown },
      );
    }
  }
  function inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = last.then(act);
    last = done.catch(() => {});
    return done;
  }

  return {
    renew: (agent) => inTurn(() => change(agent, (secrets) => renewBridgeToken(secrets, agent, newSecret))),
    retire: (agent) => inTurn(() => change(agent, (secrets) => retireBridgeTokens(secrets, agent))),
  };
}
