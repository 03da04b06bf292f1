import { bridgeTokenName, hashed } from "../bridge-tokens.ts";
import { type Decision, type Step, step } from "../step.ts";

/** An agent's own token lies in its own file; what the runtime needs is the hash. */
export function bridgeToken(agent: string): Step {
  const secret = bridgeTokenName(agent);
  return step({
    name: `bridge token ${agent}`,
    async look({ vault }) {
      if (vault.isGiven(secret)) return { kind: "given" as const };
      const token = await vault.bridgeToken(agent);
      const hash = token && (await hashed(token));
      return {
        kind: "ours" as const,
        hash,
        isKnown: hash !== undefined && vault.all(secret).includes(hash),
        file: vault.tokenFile(agent),
      };
    },
    decide(seen): Decision {
      if (seen.kind === "given") return { actions: [], note: `${secret} comes from the environment` };
      const { hash, isKnown, file } = seen;
      if (isKnown) return { actions: [], note: file };
      if (hash) return { actions: [{ is: "changed", detail: `keep the hash of ${file} as ${secret}` }] };
      return { actions: [{ is: "created", detail: `${file}, its hash as ${secret}` }] };
    },
    async act({ vault, newSecret }, _, seen) {
      const token = (seen.kind === "ours" && seen.hash && (await vault.bridgeToken(agent))) || newSecret();
      // First the file: a hash whose token nobody has would be good for nothing.
      await vault.keepBridgeToken(agent, token);
      await vault.keep(secret, [await hashed(token)]);
    },
  });
}
