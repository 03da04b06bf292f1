import { settingName } from "../../shared/config/file.ts";
import { sha256Hex } from "../../shared/digest.ts";
import type { KeptSecrets } from "./kept-secrets.ts";

export const hashed = async (token: string) => `sha256:${await sha256Hex(token)}`;

export const bridgeTokenName = (agent: string) => `AGENT_TOKEN_${settingName(agent)}`;

/**
 * A new bridge token beside the one in use; those before that do not count any more. Answers the token. `known` waits
 * until whoever is asked with it has read its hash: before that the agent would be refused with it.
 */
export async function renewBridgeToken(
  secrets: KeptSecrets,
  agent: string,
  newSecret: () => string,
  known: () => Promise<void> = async () => {},
): Promise<string> {
  const token = newSecret();
  const name = bridgeTokenName(agent);
  const all = secrets.all(name);
  const before = await inUse(secrets, agent);
  // First the hash: the agent must not hold a token that is not known yet.
  await secrets.keep(name, [await hashed(token), ...(before ? [before] : [])]);
  try {
    await known();
    await secrets.keepBridgeToken(agent, token);
  } catch (thrown) {
    // Else the next try would take the token that nobody has for the one in use.
    if (all.length > 0) await secrets.keep(name, all).catch(() => {});
    throw thrown;
  }
  return token;
}

/** Only the newest bridge token counts from now on; answers false when there was no older one. */
export async function retireBridgeTokens(secrets: KeptSecrets, agent: string): Promise<boolean> {
  const name = bridgeTokenName(agent);
  const now = await inUse(secrets, agent);
  if (now === undefined || secrets.all(name).length < 2) return false;
  await secrets.keep(name, [now]);
  return true;
}

/** As it is kept: the token in the agent's own file, or the first where that one is unknown or elsewhere. */
async function inUse(secrets: KeptSecrets, agent: string): Promise<string | undefined> {
  const all = secrets.all(bridgeTokenName(agent));
  const token = await secrets.bridgeToken(agent);
  const hash = token && (await hashed(token));
  return hash && (all.length === 0 || all.includes(hash)) ? hash : all[0];
}
