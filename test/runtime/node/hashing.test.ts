import fc from "fast-check";
import { expect, test } from "vitest";
import { nodeHashing } from "../../../runtime/node/crypto.ts";
import { webHashing } from "../../../shared/hashing.ts";
import { signBody } from "../../support/webhook-signature.ts";

const bytes = fc.uint8Array().map((array) => Uint8Array.from(array));
const toSignature = (body: Uint8Array, secret: string) => Uint8Array.from(Buffer.from(signBody(body, secret), "hex"));

test("Node's hashing computes the same SHA-256 as Web Crypto", async () => {
  await fc.assert(
    fc.asyncProperty(bytes, async (data) => {
      expect(nodeHashing.sha256Hex(data)).toBe(await webHashing.sha256Hex(data));
    }),
  );
});

test("Node's hashing computes the same SHA-256 of chunks as of the whole, as Web Crypto does", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 })), async (pieces) => {
      const whole = await webHashing.sha256Hex(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
      for (const hashing of [nodeHashing, webHashing]) {
        const hash = hashing.sha256();
        for (const piece of pieces) hash.update(piece);
        expect(hash.hex()).toBe(whole);
      }
    }),
  );
});

test("Node's hashing accepts and refuses the same signatures of any length as Web Crypto", async () => {
  const checks = [nodeHashing, webHashing].map((hashing) => hashing.createHmacCheck("the secret"));
  const verdicts = (signature: Uint8Array<ArrayBuffer>, body: Uint8Array<ArrayBuffer>) =>
    Promise.all(checks.map((check) => check(signature, body)));
  await fc.assert(
    fc.asyncProperty(bytes, bytes, async (body, other) => {
      const right = toSignature(body, "the secret");
      expect(await verdicts(right, body)).toEqual([true, true]);
      expect(await verdicts(toSignature(body, "another secret"), body)).toEqual([false, false]);
      expect(await verdicts(right.slice(1), body)).toEqual([false, false]);
      expect(await verdicts(other, body)).toEqual([false, false]);
    }),
  );
});
