import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { isGuessableSecret } from "../../../shared/config/secrets.ts";

const GUESSABLE = `changemechangeme change-me-change-me changeme-production CHANGE_ME_PLEASE_123 your-token-here-1234
<your-admin-token> insert-your-token-here your-32-character-secret-here replace-me-with-a-real-token
example-admin-token this-is-a-secret-token supersecretsupersecret password12345678 groundcrew-admin-token
runner-token-2024 aaaaaaaaaaaaaaaa abababababababab deadbeefdeadbeef 0000000000000001 1234567890123456
0987654321098765 0123456789abcdef abcdefghijklmnop qwertyuiopasdfghjkl azertyuiopqsdfgh 1qaz2wsx3edc4rfv
1q2w3e4r5t6y7u8i !@#$%^&*()!@#$%^`;

test("Words of templates, repeated parts and walks over the keyboard are guessable, and phrases are taken", () => {
  for (const secret of GUESSABLE.split(/\s+/)) expect(isGuessableSecret(secret), secret).toBe(true);
  const names = ["tick-token-0123456789", "admin-token-of-tests", "the-new-admin-token"];
  for (const secret of ["0123456789-marks", "correct-horse-battery", ...names])
    expect(isGuessableSecret(secret), secret).toBe(false);
});

test("Every random secret of openssl is taken", () => {
  for (const [bytes, encoding] of [
    [8, "hex"],
    [32, "hex"],
    [12, "base64"],
  ] as const) {
    const refused = Array.from({ length: 1_000 }, () => randomBytes(bytes).toString(encoding)).filter(
      isGuessableSecret,
    );
    expect(refused).toEqual([]);
  }
});
