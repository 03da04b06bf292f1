type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const encoder = new TextEncoder();

/** The 32 bytes of a signature written as exactly 64 lower-case hex characters; undefined for any other writing. */
export function parseSignature(header: string | undefined): Uint8Array<ArrayBuffer> | undefined {
  if (header === undefined || !/^[0-9a-f]{64}$/.test(header)) return undefined;
  return Uint8Array.from({ length: 32 }, (_, i) => Number.parseInt(header.slice(2 * i, 2 * i + 2), 16));
}

/**
 * Whether a body is signed (HMAC-SHA256) under one of the secrets. Every secret is tried, and the platform compares,
 * so the time tells nothing about them.
 */
export function createSignatureCheck(secrets: readonly string[]) {
  let keys: Promise<Key[]> | undefined;
  return async (signature: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>): Promise<boolean> => {
    keys ??= Promise.all(secrets.map(importKey));
    const verdicts = (await keys).map((key) => crypto.subtle.verify("HMAC", key, signature, body));
    return (await Promise.all(verdicts)).includes(true);
  };
}

function importKey(secret: string): Promise<Key> {
  return crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
}
