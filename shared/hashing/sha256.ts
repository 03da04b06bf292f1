import fastSha256 from "fast-sha256";
import { toHex } from "./sha256-hex.ts";

/** SHA-256 of data that arrives in chunks. */
export interface Sha256 {
  update(data: Uint8Array): void;
  /** Returns 64 lower-case hex characters. Must be the last call. */
  hex(): string;
}

/**
 * SHA-256 for hosts whose own function needs the whole data at once, such as Web Crypto: a file of 50 MB need not be
 * completely in memory.
 */
export function createSha256(): Sha256 {
  const hash = new fastSha256.Hash();
  return {
    update(data) {
      hash.update(data);
    },
    hex: () => toHex(hash.digest()),
  };
}
