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

/** The SHA-256 digest of a token. */
export async function computeDigest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

/** Compares two digests of equal length in constant time. */
export function hasSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = 0;
  for (const [i, byte] of a.entries()) difference |= byte ^ (b[i] ?? 0);
  return difference === 0;
}
