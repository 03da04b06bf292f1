import { createSha256, type Sha256 } from "./sha256.ts";
import { sha256Hex } from "./sha256-hex.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/**
 * The cryptography that the intake of webhooks needs. Web Crypto is asynchronous and works in another thread. A platform
 * with synchronous functions returns at once, which is faster for small bodies and lets webhooks that arrive together be
 * stored together.
 */
export interface Hashing {
  /** 64 lower-case hex characters. */
  sha256Hex(data: Bytes): string | Promise<string>;
  /** For data that arrives in chunks. */
  sha256(): Sha256;
  /** Whether a signature is the body's HMAC-SHA256 under this secret; compares in constant time. */
  createHmacCheck(secret: string): (signature: Bytes, body: Bytes) => boolean | Promise<boolean>;
}

const encoder = new TextEncoder();

/** Web Crypto, which every host has. */
export const webHashing: Hashing = {
  sha256Hex,
  sha256: createSha256,
  createHmacCheck(secret) {
    let key: Promise<Key> | undefined;
    return async (signature, body) => {
      key ??= importKey(secret);
      return crypto.subtle.verify("HMAC", await key, signature, body);
    };
  },
};

function importKey(secret: string): Promise<Key> {
  return crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}
