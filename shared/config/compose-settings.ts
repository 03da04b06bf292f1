import { omitUndefined } from "../omit-undefined.ts";
import { collectAgentTokens, isAgentSetting } from "./agent-tokens.ts";
import type { Environment } from "./environment.ts";
import { parseAgentSuffix } from "./secret-kinds.ts";
import type { Secrets } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import { type FileSettings, toSettingName } from "./settings-file.ts";

/** Secrets that are URLs: only the passwords in them are secret. */
const URL_SECRETS = ["STORE_URL", "BACKUP_DATABASE_URL"];

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** Composes the settings from parts that were checked and have no problems. */
export function composeSettings(
  env: Environment,
  secrets: Secrets,
  file: FileSettings,
  enabled: { plane: boolean; telegram: boolean },
): Settings {
  const getValues = (name: string) => secrets.get(name) ?? [];
  const getFirstValue = (name: string) => getValues(name)[0] ?? "";
  const storeUrl = getValues("STORE_URL")[0] ?? "file:./data";
  const hookToken = getValues("OPENCLAW_HOOK_TOKEN")[0];
  const publicHost = env.PUBLIC_URL ? [new URL(env.PUBLIC_URL).hostname] : [];
  return {
    ...file,
    demo: !enabled.plane,
    host: env.HOST,
    port: env.PORT,
    ...omitUndefined({ metricsPort: env.METRICS_PORT, publicUrl: env.PUBLIC_URL || undefined }),
    allowedHosts: env.ALLOWED_HOSTS ?? [...publicHost, ...LOOPBACK_HOSTS],
    allowedOrigins: env.ALLOWED_ORIGINS,
    trustedProxies: env.TRUSTED_PROXIES,
    ...omitUndefined({
      plane: enabled.plane
        ? {
            url: env.PLANE_URL ?? "",
            apiKey: getFirstValue("PLANE_API_KEY"),
            agentKeys: collectAgentKeys(secrets, file),
            workspace: env.PLANE_WORKSPACE ?? "",
            projects: env.PLANE_PROJECTS,
            webhookSecrets: getValues("PLANE_WEBHOOK_SECRET"),
            rateLimit: env.PLANE_RATE_LIMIT,
          }
        : undefined,
    }),
    store: { url: storeUrl, prefix: env.STORE_PREFIX },
    ...omitUndefined({ backupFolder: env.BACKUP_FOLDER }),
    ...omitUndefined({
      telegram: enabled.telegram
        ? {
            token: getFirstValue("TELEGRAM_BOT_TOKEN"),
            chat: env.TELEGRAM_CHAT_ID ?? "",
            webhookSecrets: getValues("TELEGRAM_WEBHOOK_SECRET"),
            allowedUsers: env.TELEGRAM_ALLOWED_USERS,
            mode: env.TELEGRAM_MODE ?? (env.PUBLIC_URL ? "webhook" : "polling"),
            apiRoot: env.TELEGRAM_API_ROOT,
          }
        : undefined,
      openclaw:
        env.OPENCLAW_URL || hookToken
          ? omitUndefined({ url: env.OPENCLAW_URL || undefined, token: hookToken || undefined })
          : undefined,
    }),
    openclawHook: { path: env.OPENCLAW_HOOK_PATH, deliver: env.OPENCLAW_DELIVER },
    pollCron: env.POLL_CRON,
    locale: env.LOCALE,
    timezone: env.TIMEZONE,
    adminTokens: getValues("ADMIN_TOKEN"),
    tickTokens: getValues("TICK_TOKEN"),
    runnerTokens: getValues("RUNNER_TOKEN"),
    allowTestTickets: env.ALLOW_TEST_TICKETS,
    agentTokens: collectAgentTokens(secrets, file),
    logLevel: env.LOG_LEVEL,
    secretsFile: env.SECRETS_FILE,
    webhookLimit: env.WEBHOOK_MAX_BYTES,
    secrets: collectSecretValues(secrets, file),
  };
}

function collectAgentKeys(secrets: Secrets, file: FileSettings): Record<string, string> {
  const pairs = file.agents.flatMap(({ name }) => {
    const key = secrets.get(`PLANE_API_KEY_${toSettingName(name)}`)?.[0];
    return key ? [[name, key] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** A hook's URL often is the only credential needed to call it, so the whole URL is a secret; its host is not. */
function collectSecretValues(secrets: Secrets, file: FileSettings): string[] {
  const values = [...secrets].flatMap(([name, texts]) =>
    URL_SECRETS.includes(name) ? texts.flatMap(parsePasswords) : texts,
  );
  const wakes = file.agents.flatMap(({ wake }) => (wake.kind === "webhook" ? [wake] : []));
  const webhooks = [...wakes, ...file.forward];
  const addresses = webhooks.map(({ url }) => new URL(url)).filter(({ pathname, search }) => pathname + search !== "/");
  return [...new Set([...values, ...webhooks.map(({ secret }) => secret), ...addresses.map(({ href }) => href)])];
}

/** The password of a URL, both URL-encoded and decoded, because either form may appear in an error. */
function parsePasswords(url: string): string[] {
  const password = URL.canParse(url) ? new URL(url).password : "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** Settings that are valid, but probably not what the operator intended. */
export function findSettingsWarnings(settings: Settings, secrets: Secrets): string[] {
  const { plane, telegram } = settings;
  const unusedNames = [...secrets.keys()].filter((name) => {
    const agent = parseAgentSuffix(name);
    if (agent === undefined) return false;
    if (name.startsWith("AGENT_TOKEN_")) return !isAgentSetting(agent, settings.agents);
    return !settings.agents.some((known) => toSettingName(known.name) === agent);
  });
  const warnings = unusedNames.map((name) => `${name} is not used: no agent in GROUNDCREW_CONFIG has this name`);
  warnings.push(...findWakeWarnings(settings));
  if (!plane) return warnings;
  if (plane.webhookSecrets.length === 0)
    warnings.push("PLANE_WEBHOOK_SECRET is not set: webhooks are refused, and changes are found only by polling");
  if (!telegram) warnings.push("TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are not set: no messages are sent");
  if (settings.adminTokens.length === 0)
    warnings.push("ADMIN_TOKEN is not set: /ready, /metrics and /dead-letters refuse every request");
  return warnings;
}

function findWakeWarnings({ agents, openclaw }: Settings): string[] {
  const openclawAgents = agents.flatMap(({ name, wake }) => (wake.kind === "openclaw" ? [{ name, wake }] : []));
  if (openclawAgents.length === 0) return [];
  const formatNames = (listed: typeof openclawAgents) => listed.map(({ name }) => name).join(", ");
  if (!openclaw?.token) return [`OPENCLAW_HOOK_TOKEN is not set: ${formatNames(openclawAgents)} cannot be woken`];
  const agentsWithoutUrl = openclawAgents.filter(({ wake }) => !("url" in wake && wake.url) && !openclaw.url);
  return agentsWithoutUrl.length > 0
    ? [`OPENCLAW_URL is not set: ${formatNames(agentsWithoutUrl)} cannot be woken`]
    : [];
}
