import type { AgentTokens } from "../config/agent-tokens.ts";
import { GroundcrewError } from "../errors.ts";
import type { Caller } from "../work/context/caller.ts";

const encoder = new TextEncoder();

/** Creates a check of whether a text is one of the tokens. SHA-256 digests are compared in constant time. */
export function createTokenCheck(tokens: readonly string[]): (text: string) => Promise<boolean> {
  let tokenDigests: Promise<Uint8Array[]> | undefined;
  return async (text) => {
    tokenDigests ??= Promise.all(tokens.map(computeDigest));
    const [knownDigests, digest] = await Promise.all([tokenDigests, computeDigest(text)]);
    return knownDigests.map((known) => hasSameBytes(known, digest)).includes(true);
  };
}

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

async function computeDigest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

/** Compares two digests of equal length in constant time. */
function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (const [i, byte] of a.entries()) difference |= byte ^ (b[i] ?? 0);
  return difference === 0;
}
