/**
 * Hashes and what is proved with them: the identity of a text, a token compared in constant time, the signature of a
 * webhook. A host with faster functions gives its own.
 */

import fastSha256 from "fast-sha256";

type Bytes = Uint8Array<ArrayBuffer>;

type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/**
 * The cryptography that the intake of webhooks needs. Web Crypto is asynchronous and works in another thread. A
 * platform with synchronous functions returns at once, which is faster for small bodies and lets webhooks that arrive
 * together be stored together.
 */
export interface Hashing {
  /** 64 lower-case hex characters. */
  sha256Hex(data: Bytes): string | Promise<string>;
  /** For data that arrives in chunks. */
  sha256(): Sha256;
  /** Whether a signature is the body's HMAC-SHA256 under this secret; compares in constant time. */
  createHmacCheck(secret: string): (signature: Bytes, body: Bytes) => boolean | Promise<boolean>;
}

/** SHA-256 of data that arrives in chunks. */
interface Sha256 {
  update(data: Uint8Array): void;
  /** Returns 64 lower-case hex characters. Must be the last call. */
  hex(): string;
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

/** SHA-256 as 64 lower-case hex characters. */
export async function sha256Hex(data: string | Uint8Array<ArrayBuffer>): Promise<string> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
}

/** Two lower-case hex characters for each byte. */
function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Creates a check of whether a text is one of the tokens. SHA-256 digests are compared in constant time; those of the
 * tokens are computed once.
 */
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
  // An iterator would take ten times as long, for each configured token and each request.
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Parses a signature of exactly 64 lower-case hex characters into its 32 bytes; undefined for any other text. */
export function parseSignature(header: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (header === undefined || !/^[0-9a-f]{64}$/.test(header)) return undefined;
  const bytes = new Uint8Array(32);
  for (let i = 0; i < 32; i += 1) bytes[i] = (parseHexDigit(header, 2 * i) << 4) | parseHexDigit(header, 2 * i + 1);
  return bytes;
}

/** The value of a hex digit, which must be one of 0-9 and a-f. */
function parseHexDigit(hex: string, index: number): number {
  const code = hex.charCodeAt(index);
  return code <= 57 ? code - 48 : code - 87;
}

/**
 * Creates a check of whether a body is signed (HMAC-SHA256) with one of the secrets. It always tries every secret and
 * compares in constant time, so its duration reveals nothing about them. Synchronous where the platform's hashing is.
 */
export function createSignatureCheck(secrets: readonly string[], hashing: Hashing = webHashing) {
  const checks = secrets.map((secret) => hashing.createHmacCheck(secret));
  return (signature: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): boolean | Promise<boolean> => {
    const verdicts = checks.map((check) => check(signature, body));
    if (verdicts.every((verdict) => typeof verdict === "boolean")) return verdicts.includes(true);
    return Promise.all(verdicts).then((all) => all.includes(true));
  };
}

export function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** Throws a `DOMException` for text that is not base64. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function importKey(secret: string): Promise<Key> {
  return crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}

/**
 * SHA-256 for hosts whose own function needs the whole data at once, such as Web Crypto: a file of 50 MB need not be
 * completely in memory.
 */
function createSha256(): Sha256 {
  const hash = new fastSha256.Hash();
  return {
    update(data) {
      hash.update(data);
    },
    hex: () => toHex(hash.digest()),
  };
}
