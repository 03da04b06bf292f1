import type { AgentTokens } from "../config/agent-tokens.ts";
import { GroundcrewError } from "../errors.ts";
import type { Caller } from "../work/context/caller.ts";

const encoder = new TextEncoder();

/** Whether a text is one of the tokens, in a time that tells nothing about them: SHA-256 digests are compared whole. */
export function createTokenCheck(tokens: readonly string[]): (given: string) => Promise<boolean> {
  let digests: Promise<Uint8Array[]> | undefined;
  return async (given) => {
    digests ??= Promise.all(tokens.map(computeDigest));
    const [kept, asked] = await Promise.all([digests, computeDigest(given)]);
    return kept.map((one) => hasSameBytes(one, asked)).includes(true);
  };
}

/**
 * Whose bridge token a text is, in a time that tells nothing about them; undefined when it is nobody's. Throws
 * `forbidden` for one that two agents hold: there is no telling who calls.
 */
export function createCallerLookup(agents: readonly AgentTokens[]): (given: string) => Promise<Caller | undefined> {
  let known: Promise<{ caller: Caller; digest: Uint8Array }[]> | undefined;
  const read = async ({ agent, role, tokens }: AgentTokens) => {
    const digests = await Promise.all(tokens.map((token) => parseTokenHash(token) ?? computeDigest(token)));
    return digests.map((one) => ({ caller: { name: agent, role }, digest: one }));
  };
  return async (given) => {
    known ??= Promise.all(agents.map(read)).then((all) => all.flat());
    const [kept, asked] = await Promise.all([known, computeDigest(given)]);
    const [caller, ...others] = kept.filter((one) => hasSameBytes(one.digest, asked)).map((one) => one.caller);
    const other = others.find(({ name }) => name !== caller?.name);
    if (!other) return caller;
    throw new GroundcrewError("forbidden", `${caller?.name} and ${other.name} hold the same token: give each its own.`);
  };
}

/** The digest that `sha256:<hex>` is; undefined for a token itself. */
function parseTokenHash(token: string): Uint8Array | undefined {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(token)?.[1];
  return hex === undefined ? undefined : Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

async function computeDigest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

/** Both have one digest's length. */
function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (const [i, byte] of a.entries()) difference |= byte ^ (b[i] ?? 0);
  return difference === 0;
}
