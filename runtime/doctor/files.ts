import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Account } from "../../functions/doctor/plane-webhook.ts";
import type { PrivateFile } from "../../functions/doctor/settings.ts";
import { environmentSchema } from "../../shared/config/environment.ts";
import { files } from "../node/files.ts";

/** What provisioning keeps beside SECRETS_FILE; the runtime never reads it. */
const PROVISIONED = "provision-secrets.json";

const provisioned = z.looseObject({
  /** By e-mail address in lower case. */
  accounts: z.record(z.string(), z.looseObject({ password: z.string().optional() })),
});

/** SECRETS_FILE, what lies beside it and is nobody else's, and the agents' tokens. */
export function privateFiles(secretsFile: string): PrivateFile[] {
  const folder = dirname(secretsFile);
  const agents = join(folder, "agents");
  const tokens = namesIn(agents).map((name) => join(agents, name, "token"));
  return [secretsFile, join(folder, PROVISIONED), ...tokens].map((path) => ({ path, mode: modeOf(path) }));
}

/**
 * The account that may read webhooks in Plane: PLANE_ADMIN_EMAIL, with its password from the environment, from the file
 * that names, or as provisioning has kept it.
 */
export function accountIn(env: Record<string, string | undefined>, secretsFile: string): Account | undefined {
  const email = env["PLANE_ADMIN_EMAIL"]?.trim();
  if (!email) return undefined;
  const given = env["PLANE_ADMIN_PASSWORD"]?.trim() || textIn(env["PLANE_ADMIN_PASSWORD_FILE"]?.trim());
  const password = given || keptPassword(email.toLowerCase(), secretsFile);
  return password ? { email, password } : undefined;
}

/** PLANE_WEBHOOK_TARGET in the form in which provisioning has told it to Plane. */
export function webhookTargetIn(env: Record<string, string | undefined>): string | undefined {
  const given = env["PLANE_WEBHOOK_TARGET"]?.trim() || undefined;
  return environmentSchema.shape.PLANE_WEBHOOK_TARGET.safeParse(given).data ?? given;
}

function textIn(path: string | undefined): string | undefined {
  try {
    return path && files.read(path)?.text.trim();
  } catch {
    return undefined;
  }
}

function keptPassword(email: string, secretsFile: string): string | undefined {
  try {
    const text = textIn(join(dirname(secretsFile), PROVISIONED)) ?? "";
    return provisioned.parse(JSON.parse(text)).accounts[email]?.password;
  } catch {
    // Not there, not ours to read, or of another form: then a person looks.
    return undefined;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function modeOf(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return undefined;
  }
}
