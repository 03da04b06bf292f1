import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { PlaneLogin } from "../../functions/doctor/plane-webhook.ts";
import type { PrivateFile } from "../../functions/doctor/settings.ts";
import { environmentSchema } from "../../shared/config/environment.ts";
import { nodeFiles } from "../node/settings-files.ts";

/** What provisioning keeps beside SECRETS_FILE; the runtime never reads it. */
const PROVISIONED_FILE = "provision-secrets.json";

const provisionedSchema = z.looseObject({
  /** By e-mail address in lower case. */
  accounts: z.record(z.string(), z.looseObject({ password: z.string().optional() })),
});

/** SECRETS_FILE, what lies beside it and is nobody else's, and the agents' tokens. */
export function listPrivateFiles(secretsFile: string): PrivateFile[] {
  const folder = dirname(secretsFile);
  const agents = join(folder, "agents");
  const tokens = listNames(agents).map((name) => join(agents, name, "token"));
  return [secretsFile, join(folder, PROVISIONED_FILE), ...tokens].map((path) => ({ path, mode: getMode(path) }));
}

/**
 * The account that may read webhooks in Plane: PLANE_ADMIN_EMAIL, with its password from the environment, from the file
 * that names, or as provisioning has kept it.
 */
export function findAdminAccount(env: Record<string, string | undefined>, secretsFile: string): PlaneLogin | undefined {
  const email = env["PLANE_ADMIN_EMAIL"]?.trim();
  if (!email) return undefined;
  const givenPassword = env["PLANE_ADMIN_PASSWORD"]?.trim() || readText(env["PLANE_ADMIN_PASSWORD_FILE"]?.trim());
  const password = givenPassword || findProvisionedPassword(email.toLowerCase(), secretsFile);
  return password ? { email, password } : undefined;
}

/** PLANE_WEBHOOK_TARGET in the form in which provisioning has told it to Plane. */
export function readWebhookTarget(env: Record<string, string | undefined>): string | undefined {
  const given = env["PLANE_WEBHOOK_TARGET"]?.trim() || undefined;
  return environmentSchema.shape.PLANE_WEBHOOK_TARGET.safeParse(given).data ?? given;
}

function readText(path: string | undefined): string | undefined {
  try {
    return path && nodeFiles.read(path)?.text.trim();
  } catch {
    return undefined;
  }
}

function findProvisionedPassword(email: string, secretsFile: string): string | undefined {
  try {
    const text = readText(join(dirname(secretsFile), PROVISIONED_FILE)) ?? "";
    return provisionedSchema.parse(JSON.parse(text)).accounts[email]?.password;
  } catch {
    // Not there, not ours to read, or of another form: then a person looks.
    return undefined;
  }
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function getMode(path: string): number | undefined {
  try {
    return statSync(path).mode & 0o777;
  } catch {
    return undefined;
  }
}
