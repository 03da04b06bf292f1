import { createRedactor } from "../../shared/redact.ts";

/** A credential after `Bearer`, the password in an address, one of npm's settings or tokens, whatever the secrets are. */
const CREDENTIAL =
  /(\bbearer\s+)[\w.~+/=-]{6,}|(:\/\/[^\s/:@]*:)[^\s/@]+(?=@)|(_(?:authToken|auth|password)\s*=\s*)\S+|\b(npm_)[A-Za-z0-9]{20,}/gi;

/** Replaces secrets, and what looks like a credential, by `[secret]`: for texts of programs in reports and errors. */
export function redactCredentials(text: string, secrets: readonly string[]): string {
  return createRedactor(secrets)(text).replace(
    CREDENTIAL,
    (_, ...groups: unknown[]) => `${groups.slice(0, 4).find((group) => typeof group === "string") ?? ""}[secret]`,
  );
}
