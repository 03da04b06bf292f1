import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { isGuessableSecret } from "../../../shared/config/guessable-secret.ts";

test.each([
  "changemechangeme",
  "change-me-change-me",
  "changeme-production",
  "CHANGE_ME_PLEASE_123",
  "your-token-here-1234",
  "<your-admin-token>",
  "insert-your-token-here",
  "your-32-character-secret-here",
  "replace-me-with-a-real-token",
  "example-admin-token",
  "this-is-a-secret-token",
  "supersecretsupersecret",
  "password12345678",
  "groundcrew-admin-token",
  "runner-token-2024",
  "aaaaaaaaaaaaaaaa",
  "abababababababab",
  "deadbeefdeadbeef",
  "0000000000000001",
  "1234567890123456",
  "0987654321098765",
  "0123456789abcdef",
  "abcdefghijklmnop",
  "qwertyuiopasdfghjkl",
  "azertyuiopqsdfgh",
  "1qaz2wsx3edc4rfv",
  "1q2w3e4r5t6y7u8i",
  "!@#$%^&*()!@#$%^",
])("The secret %s is guessable", (secret) => {
  expect(isGuessableSecret(secret)).toBe(true);
});

test.each([
  "0123456789-marks",
  "tick-token-0123456789",
  "admin-token-of-tests",
  "correct-horse-battery",
  "the-new-admin-token",
])("The secret %s is taken", (secret) => {
  expect(isGuessableSecret(secret)).toBe(false);
});

test.each([
  ["openssl rand -hex 8", () => randomBytes(8).toString("hex")],
  ["openssl rand -hex 32", () => randomBytes(32).toString("hex")],
  ["openssl rand -base64 12", () => randomBytes(12).toString("base64")],
])("Every random secret of %s is taken", (_, create) => {
  const refused = Array.from({ length: 5_000 }, create).filter(isGuessableSecret);
  expect(refused).toEqual([]);
});
