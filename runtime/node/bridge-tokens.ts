import { bridgeTokenName, renewBridgeToken, retireBridgeTokens } from "../../functions/provision/bridge-tokens.ts";
import { type Disk, type KeptSecrets, openKeptSecrets } from "../../functions/provision/kept-secrets.ts";
import { besideSecrets, PROVISION_LOCK } from "../../shared/config/provision.ts";
import type { Secrets } from "../../shared/config/secrets.ts";
import type { BridgeTokens } from "../../shared/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";

interface Options {
  secretsFile: string;
  /** What the environment gives, which wins over the file. */
  given: () => Secrets;
  disk: Disk;
  newSecret: () => string;
  /** Keeps provision, which writes the same files, away meanwhile. Throws a GroundcrewError when it is at work. */
  lock: (path: string) => Promise<{ release(): void }>;
}

/** Replaces bridge tokens in SECRETS_FILE, one at a time, as provision does. */
export function createBridgeTokens({ secretsFile, given, disk, newSecret, lock }: Options): BridgeTokens {
  let last: Promise<unknown> = Promise.resolve();

  async function change<T>(agent: string, act: (secrets: KeptSecrets) => Promise<T>): Promise<T> {
    const name = bridgeTokenName(agent);
    const settings = { secretsFile, given: given() };
    if (settings.given.has(name))
      throw new GroundcrewError(
        "conflict",
        `${name} comes from the environment, which wins over SECRETS_FILE: replace it there, or take it out there, start Groundcrew again and ask again.`,
      );
    try {
      const held = await lock(besideSecrets(secretsFile, PROVISION_LOCK));
      try {
        return await act(await openKeptSecrets(settings, disk, () => {}));
      } finally {
        held.release();
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
