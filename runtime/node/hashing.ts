import { createHash, createHmac, hash, timingSafeEqual } from "node:crypto";
import type { Hashing } from "../../shared/hashing/hashing.ts";

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
