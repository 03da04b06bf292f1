import { getBridgeTokenSetting, hashBridgeToken } from "../bridge-tokens.ts";
import { createStep, type ProvisionStep, type StepDecision } from "../step.ts";

/**
 * Creates an agent's bridge token. The token itself is only in the agent's own file; the runtime needs just its hash.
 */
export function createBridgeTokenStep(agent: string): ProvisionStep {
  const setting = getBridgeTokenSetting(agent);
  return createStep({
    name: `bridge token ${agent}`,
    async readState({ vault }) {
      if (vault.isFromEnvironment(setting)) return { kind: "given" as const };
      const token = await vault.readBridgeToken(agent);
      const hash = token && (await hashBridgeToken(token));
      return {
        kind: "ours" as const,
        hash,
        isKnown: hash !== undefined && vault.getValues(setting).includes(hash),
        file: vault.getTokenPath(agent),
      };
    },
    decide(found): StepDecision {
      if (found.kind === "given") return { actions: [], note: `${setting} comes from the environment` };
      const { hash, isKnown, file } = found;
      if (isKnown) return { actions: [], note: file };
      if (hash) return { actions: [{ is: "changed", detail: `store the hash of ${file} as ${setting}` }] };
      return { actions: [{ is: "created", detail: `${file}, its hash as ${setting}` }] };
    },
    async applyAction({ vault, newSecret }, _, found) {
      const token = (found.kind === "ours" && found.hash && (await vault.readBridgeToken(agent))) || newSecret();
      // The file is written first, because a hash without its token would be useless.
      await vault.storeBridgeToken(agent, token);
      await vault.storeValues(setting, [await hashBridgeToken(token)]);
    },
  });
}
