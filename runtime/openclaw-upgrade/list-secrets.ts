import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";

const SECRET_NAME = /token|secret|passw|key|auth|credential/i;

/** The values of an environment file whose names say that they are secret; none when it cannot be read. */
export function listFileSecrets(path: string): string[] {
  try {
    const entries = Object.entries(parseEnv(readFileSync(path, "utf8")));
    return entries.flatMap(([name, value]) => (SECRET_NAME.test(name) && value ? [value] : []));
  } catch {
    return [];
  }
}

/** The texts in OpenClaw's settings under names that say that they are secret. */
export function listConfigSecrets(config: unknown, isSecret = false): string[] {
  if (typeof config === "string") return isSecret ? [config] : [];
  if (typeof config !== "object" || config === null) return [];
  return Object.entries(config).flatMap(([name, value]) =>
    // A list below such a name, and the numbers as names of its entries, are secret as well.
    listConfigSecrets(value, SECRET_NAME.test(name) || (isSecret && /^\d+$/.test(name))),
  );
}
