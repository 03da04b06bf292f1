import { bridgeTokenName, hashed } from "../bridge-tokens.ts";
import { type Step, step } from "../step.ts";
import { type Key, sweepTokens } from "../tokens.ts";

const NOTHING = "nothing to retire";
const retired = (name: string) => ({ is: "changed" as const, detail: `only the newest ${name} counts from now on` });

/** Ends the overlap of an API key: the older ones are deleted in Plane, too. */
export function retireKey(key: Key): Step {
  return step({
    name: `retire ${key.label}'s API key`,
    needs: ["administrator"],
    look: async ({ vault }) =>
      !vault.isGiven(key.name) && Math.max(vault.all(key.name).length, vault.notes().tokens[key.name]?.length ?? 0) > 1,
    decide: (hasOld) => (hasOld ? { actions: [retired(key.name)] } : { actions: [], note: NOTHING }),
    async act(context) {
      const now = context.vault.all(key.name).slice(0, 1);
      // First out of use, then out of Plane.
      await context.vault.keep(key.name, now);
      await sweepTokens(context, await context.sessions.as(key.email), key, now);
    },
  });
}

/** Ends the overlap of a bridge token: what counts is the one in the agent's own file. */
export function retireBridgeToken(agent: string): Step {
  const secret = bridgeTokenName(agent);
  return step({
    name: `retire bridge token ${agent}`,
    async look({ vault }) {
      const token = await vault.bridgeToken(agent);
      const hash = token && (await hashed(token));
      const all = vault.isGiven(secret) ? [] : vault.all(secret);
      return hash && all.length > 1 && all.includes(hash) ? hash : undefined;
    },
    decide: (hash) => (hash ? { actions: [retired(secret)] } : { actions: [], note: NOTHING }),
    act: async ({ vault }, _, hash) => vault.keep(secret, hash ? [hash] : []),
  });
}

/** Ends the overlap of the webhook's secret. */
export function retireSecret(name: string): Step {
  return step({
    name: `retire ${name}`,
    look: async ({ vault }) => !vault.isGiven(name) && vault.all(name).length > 1,
    decide: (hasOld) => (hasOld ? { actions: [retired(name)] } : { actions: [], note: NOTHING }),
    act: async ({ vault }) => vault.keep(name, vault.all(name).slice(0, 1)),
  });
}
