import { type Hashing, webHashing } from "../hashing.ts";

/** The 32 bytes of a signature written as exactly 64 lower-case hex characters; undefined for any other writing. */
export function parseSignature(header: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (header === undefined || !/^[0-9a-f]{64}$/.test(header)) return undefined;
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(header.slice(2 * i, 2 * i + 2), 16));
}

/**
 * Whether a body is signed (HMAC-SHA256) under one of the secrets. Every secret is tried, and the platform compares,
 * so the time tells nothing about them.
 */
export function createSignatureCheck(secrets: readonly string[], hashing: Hashing = webHashing) {
  const checks = secrets.map((secret) => hashing.hmacCheck(secret));
  return async (signature: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): Promise<boolean> => {
    const verdicts = await Promise.all(checks.map((check) => check(signature, body)));
    return verdicts.includes(true);
  };
}
