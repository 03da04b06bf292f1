import { type Hashing, webHashing } from "../hashing/hashing.ts";

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
