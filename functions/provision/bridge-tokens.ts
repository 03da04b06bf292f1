import { toSettingName } from "../../shared/config/settings-file.ts";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import type { SecretsFile } from "./secrets-file.ts";

export const hashBridgeToken = async (token: string) => `sha256:${await sha256Hex(token)}`;

export const getBridgeTokenSetting = (agent: string) => `AGENT_TOKEN_${toSettingName(agent)}`;

/**
 * A new bridge token beside the one in use; those before that do not count any more. Answers the token. `known` waits
 * until whoever is asked with it has read its hash: before that the agent would be refused with it.
 */
export async function renewBridgeToken(
  secrets: SecretsFile,
  agent: string,
  newSecret: () => string,
  waitUntilKnown: () => Promise<void> = async () => {},
): Promise<string> {
  const token = newSecret();
  const setting = getBridgeTokenSetting(agent);
  const previousHashes = secrets.all(setting);
  const currentHash = await findHashInUse(secrets, agent);
  // First the hash: the agent must not hold a token that is not known yet.
  await secrets.keep(setting, keepDefined([await hashBridgeToken(token), currentHash || undefined]));
  try {
    await waitUntilKnown();
    await secrets.keepBridgeToken(agent, token);
  } catch (thrown) {
    // Else the next try would take the token that nobody has for the one in use.
    if (previousHashes.length > 0) await secrets.keep(setting, previousHashes).catch(() => {});
    throw thrown;
  }
  return token;
}

/** Only the newest bridge token counts from now on; answers false when there was no older one. */
export async function retireBridgeTokens(secrets: SecretsFile, agent: string): Promise<boolean> {
  const setting = getBridgeTokenSetting(agent);
  const currentHash = await findHashInUse(secrets, agent);
  if (currentHash === undefined || secrets.all(setting).length < 2) return false;
  await secrets.keep(setting, [currentHash]);
  return true;
}

/** As it is kept: the token in the agent's own file, or the first where that one is unknown or elsewhere. */
async function findHashInUse(secrets: SecretsFile, agent: string): Promise<string | undefined> {
  const hashes = secrets.all(getBridgeTokenSetting(agent));
  const token = await secrets.bridgeToken(agent);
  const hash = token && (await hashBridgeToken(token));
  return hash && (hashes.length === 0 || hashes.includes(hash)) ? hash : hashes[0];
}
