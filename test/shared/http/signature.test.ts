import { createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSignatureCheck, parseSignature } from "../../../shared/hashing.ts";

test("A signature header is parsed only as 64 lower-case hex characters, byte for byte", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      expect(parseSignature(Buffer.from(bytes).toString("hex"))).toEqual(bytes);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 70 }), (text) => {
      fc.pre(!/^[0-9a-f]{64}$/.test(text));
      expect(parseSignature(text)).toBeUndefined();
    }),
  );
});

test("A signature is valid with one of the secrets and no other, for any body", async () => {
  const isSigned = createSignatureCheck(["new secret", "old secret"]);
  const sign = (body: Uint8Array, secret: string) =>
    Uint8Array.from(createHmac("sha256", secret).update(body).digest());
  await fc.assert(
    fc.asyncProperty(fc.uint8Array(), async (bytes) => {
      const body = Uint8Array.from(bytes);
      expect(await isSigned(sign(body, "new secret"), body)).toBe(true);
      expect(await isSigned(sign(body, "old secret"), body)).toBe(true);
      expect(await isSigned(sign(body, "older secret"), body)).toBe(false);
      expect(await isSigned(sign(body, "new secret"), Uint8Array.from([...bytes, 0]))).toBe(false);
    }),
    { numRuns: 20 },
  );
});

test("A signature is invalid while there is no secret", async () => {
  expect(await createSignatureCheck([])(new Uint8Array(32), new Uint8Array())).toBe(false);
});
