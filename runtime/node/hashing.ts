import { createHash, createHmac, hash, timingSafeEqual } from "node:crypto";
import type { Hashing } from "../../shared/hashing/hashing.ts";

/** Node's own cryptography, which answers at once. */
export const nodeHashing: Hashing = {
  sha256Hex: (data) => hash("sha256", data, "hex"),
  sha256() {
    const pieces = createHash("sha256");
    return { update: (data) => void pieces.update(data), hex: () => pieces.digest("hex") };
  },
  createHmacCheck: (secret) => (signature, body) => {
    const wanted = createHmac("sha256", secret).update(body).digest();
    return signature.length === wanted.length && timingSafeEqual(signature, wanted);
  },
};
