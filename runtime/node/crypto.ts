/** Node's own hashing, which is faster than the Web's and synchronous; the hash of a stream, and random secrets. */

import { createHash, createHmac, hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { Hashing } from "../../shared/hashing.ts";

/** Hashing with Node's crypto module, which is synchronous. */
export const nodeHashing: Hashing = {
  sha256Hex: (data) => hash("sha256", data, "hex"),
  sha256() {
    const digest = createHash("sha256");
    return { update: (data) => void digest.update(data), hex: () => digest.digest("hex") };
  },
  createHmacCheck: (secret) => (signature, body) => {
    const expected = createHmac("sha256", secret).update(body).digest();
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  },
};

/** Returns the SHA-256 in hex of everything that `chunks` yields. */
export async function hashChunks(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

/** Generates a secret of 192 random bits. The suffix adds every kind of character that Plane requires in a password. */
export function generateSecret(): string {
  return `${randomBytes(24).toString("base64url")}-aA0`;
}
