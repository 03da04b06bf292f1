import { createHash } from "node:crypto";

/** Returns the SHA-256 in hex of everything that `chunks` yields. */
export async function hashChunks(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
