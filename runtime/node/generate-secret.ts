import { randomBytes } from "node:crypto";

/** Generates a secret of 192 random bits. The suffix adds every kind of character that Plane requires in a password. */
export function generateSecret(): string {
  return `${randomBytes(24).toString("base64url")}-aA0`;
}
