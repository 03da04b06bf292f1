import { randomBytes } from "node:crypto";

/** 192 bits; with all the kinds of characters that Plane looks for in a password. */
export function generateSecret(): string {
  return `${randomBytes(24).toString("base64url")}-aA0`;
}
