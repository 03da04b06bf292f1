import { toSettingName } from "../../shared/config/settings-file.ts";
import { sha256Hex } from "../../shared/hashing/sha256-hex.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import type { SecretsFile } from "./secrets-file.ts";

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

/** Makes all bridge tokens but the newest invalid. Returns false when there was no older one. */
export async function retireBridgeTokens(secrets: SecretsFile, agent: string): Promise<boolean> {
  const setting = getBridgeTokenSetting(agent);
  const currentHash = await findHashInUse(secrets, agent);
  if (currentHash === undefined || secrets.getValues(setting).length < 2) return false;
  await secrets.storeValues(setting, [currentHash]);
  return true;
}

/** The hash of the token in the agent's own file, or the first stored hash when that token is missing or unknown. */
async function findHashInUse(secrets: SecretsFile, agent: string): Promise<string | undefined> {
  const hashes = secrets.getValues(getBridgeTokenSetting(agent));
  const token = await secrets.readBridgeToken(agent);
  const hash = token && (await hashBridgeToken(token));
  return hash && (hashes.length === 0 || hashes.includes(hash)) ? hash : hashes[0];
}
