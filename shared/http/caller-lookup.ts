import type { AgentTokens } from "../config/agent-tokens.ts";
import { GroundcrewError } from "../errors.ts";
import { computeDigest, hasSameBytes } from "../hashing/token-check.ts";
import type { Caller } from "../work/context/caller.ts";

/**
 * Creates a lookup of the agent that a bridge token belongs to; undefined when the text is no bridge token. Digests are
 * compared in constant time. Throws `forbidden` for a token that two agents share, because the caller is then ambiguous.
 */
export function createCallerLookup(agents: readonly AgentTokens[]): (text: string) => Promise<Caller | undefined> {
  let agentDigests: Promise<{ caller: Caller; digest: Uint8Array }[]> | undefined;
  const computeAgentDigests = async ({ agent, role, tokens }: AgentTokens) => {
    const digests = await Promise.all(tokens.map((token) => parseTokenHash(token) ?? computeDigest(token)));
    return digests.map((digest) => ({ caller: { name: agent, role }, digest }));
  };
  return async (text) => {
    agentDigests ??= Promise.all(agents.map(computeAgentDigests)).then((all) => all.flat());
    const [knownDigests, digest] = await Promise.all([agentDigests, computeDigest(text)]);
    const matches = knownDigests.filter((known) => hasSameBytes(known.digest, digest));
    const [caller, ...others] = matches.map((match) => match.caller);
    const other = others.find(({ name }) => name !== caller?.name);
    if (!other) return caller;
    throw new GroundcrewError("forbidden", `${caller?.name} and ${other.name} have the same token. Give each its own.`);
  };
}

/** The digest in `sha256:<hex>`; undefined when the text is a token itself. */
function parseTokenHash(token: string): Uint8Array | undefined {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(token)?.[1];
  return hex === undefined ? undefined : Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}
