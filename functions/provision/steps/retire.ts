import { type ApiKeySpec, deleteOldTokens } from "../api-tokens.ts";
import { getBridgeTokenSetting, hashBridgeToken } from "../bridge-tokens.ts";
import { createStep, type ProvisionStep } from "../step.ts";

const NOTHING_TO_RETIRE = "nothing to retire";
const toRetireAction = (name: string) => ({
  is: "changed" as const,
  detail: `only the newest ${name} stays valid`,
});

/** Revokes all but the newest value of an API key, in Plane as well. */
export function createRetireKeyStep(key: ApiKeySpec): ProvisionStep {
  return createStep({
    name: `retire ${key.label}'s API key`,
    needs: ["administrator"],
    readState: async ({ vault }) =>
      !vault.isFromEnvironment(key.name) &&
      Math.max(vault.getValues(key.name).length, vault.getNotes().tokens[key.name]?.length ?? 0) > 1,
    decide: (hasOld) => (hasOld ? { actions: [toRetireAction(key.name)] } : { actions: [], note: NOTHING_TO_RETIRE }),
    async applyAction(context) {
      const newest = context.vault.getValues(key.name).slice(0, 1);
      // Removed from SECRETS_FILE first, so that the runtime never uses a deleted key.
      await context.vault.storeValues(key.name, newest);
      await deleteOldTokens(context, await context.sessions.signIn(key.email), key, newest);
    },
  });
}

/** Revokes all bridge tokens of an agent but the one in the agent's own file. */
export function createRetireBridgeTokenStep(agent: string): ProvisionStep {
  const setting = getBridgeTokenSetting(agent);
  return createStep({
    name: `retire bridge token ${agent}`,
    async readState({ vault }) {
      const token = await vault.readBridgeToken(agent);
      const hash = token && (await hashBridgeToken(token));
      const hashes = vault.isFromEnvironment(setting) ? [] : vault.getValues(setting);
      return hash && hashes.length > 1 && hashes.includes(hash) ? hash : undefined;
    },
    decide: (hash) => (hash ? { actions: [toRetireAction(setting)] } : { actions: [], note: NOTHING_TO_RETIRE }),
    applyAction: async ({ vault }, _, hash) => vault.storeValues(setting, hash ? [hash] : []),
  });
}

/** Removes all but the newest value of the webhook's secret. */
export function createRetireSecretStep(name: string): ProvisionStep {
  return createStep({
    name: `retire ${name}`,
    readState: async ({ vault }) => !vault.isFromEnvironment(name) && vault.getValues(name).length > 1,
    decide: (hasOld) => (hasOld ? { actions: [toRetireAction(name)] } : { actions: [], note: NOTHING_TO_RETIRE }),
    applyAction: async ({ vault }) => vault.storeValues(name, vault.getValues(name).slice(0, 1)),
  });
}
