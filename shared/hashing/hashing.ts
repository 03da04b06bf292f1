import { createSha256, type Sha256 } from "./sha256.ts";

type Bytes = Uint8Array<ArrayBuffer>;
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/**
 * What a webhook's intake needs of a platform's cryptography. The Web's own answers later, from a thread of its own; a
 * platform that can answers at once, which costs a small body less, and what arrives together is then kept together.
 */
export interface Hashing {
  /** 64 lower-case hex characters. */
  sha256Hex(data: Bytes): string | Promise<string>;
  /** For what comes in pieces. */
  sha256(): Sha256;
  /** Whether a signature is the body's HMAC-SHA256 under this secret; takes the same time whatever differs. */
  createHmacCheck(secret: string): (signature: Bytes, body: Bytes) => boolean | Promise<boolean>;
}

const encoder = new TextEncoder();

/** The Web's cryptography, which every host has. */
export const webHashing: Hashing = {
  async sha256Hex(data) {
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  },
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
