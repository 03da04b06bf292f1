import { readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { PlaneLogin } from "../../functions/doctor/plane-webhook.ts";
import type { PrivateFile } from "../../functions/doctor/settings.ts";
import { getOpenclawEnvironmentPath } from "../../functions/provision/secrets-file.ts";
import { getConnectionPath } from "../../shared/config/connection-file.ts";
import { environmentSchema } from "../../shared/config/environment.ts";
import { nodeFiles } from "../node/settings-files.ts";

/** The file in which provision stores passwords, next to SECRETS_FILE. The runtime never reads it. */
const PROVISIONED_FILE = "provision-secrets.json";

const provisionedSchema = z.looseObject({
  /** By e-mail address in lower case. */
  accounts: z.record(z.string(), z.looseObject({ password: z.string().optional() })),
});

/** SECRETS_FILE, the files that provision writes next to it, and the agents' token files. */
export function listPrivateFiles(secretsFile: string): PrivateFile[] {
  const folder = dirname(secretsFile);
  const agents = join(folder, "agents");
  const tokens = listNames(agents).map((name) => join(agents, name, "token"));
  return [
    secretsFile,
    join(folder, PROVISIONED_FILE),
    getConnectionPath(secretsFile),
    getOpenclawEnvironmentPath(secretsFile),
    ...tokens,
  ].map((path) => ({
    path,
    mode: getMode(path),
  }));
}

/**
 * The account that may read webhooks in Plane: PLANE_ADMIN_EMAIL. Its password comes from PLANE_ADMIN_PASSWORD, from
 * the file named by PLANE_ADMIN_PASSWORD_FILE, or from provision's own file.
 */
export function findAdminAccount(env: Record<string, string | undefined>, secretsFile: string): PlaneLogin | undefined {
  const email = env["PLANE_ADMIN_EMAIL"]?.trim();
  if (!email) return undefined;
  const configuredPassword = env["PLANE_ADMIN_PASSWORD"]?.trim() || readText(env["PLANE_ADMIN_PASSWORD_FILE"]?.trim());
  const password = configuredPassword || findProvisionedPassword(email.toLowerCase(), secretsFile);
  return password ? { email, password } : undefined;
}

/** PLANE_WEBHOOK_TARGET, normalized as provision registers it in Plane. */
export function readWebhookTarget(env: Record<string, string | undefined>): string | undefined {
  const target = env["PLANE_WEBHOOK_TARGET"]?.trim() || undefined;
  return environmentSchema.shape.PLANE_WEBHOOK_TARGET.safeParse(target).data ?? target;
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
    // The file is missing, unreadable or in another format. The check then asks a person to look in Plane.
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
