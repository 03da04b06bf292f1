import type { Settings } from "../config.ts";
import { agentTokens, isForAnAgent } from "./agent-tokens.ts";
import type { Environment } from "./environment.ts";
import { type FileSettings, settingName } from "./file.ts";
import { agentOf, type Secrets } from "./secrets.ts";

/** So many random characters cannot be guessed over a network. */
const STRONG = 16;

const LOOPBACK_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/** Puts the settings together from parts that have no problem. */
export function settle(
  env: Environment,
  secrets: Secrets,
  file: FileSettings,
  wants: { plane: boolean; telegram: boolean },
): Settings {
  const all = (name: string) => secrets.get(name) ?? [];
  const first = (name: string) => all(name)[0] ?? "";
  const storeUrl = all("STORE_URL")[0] ?? "file:./data";
  const hookToken = all("OPENCLAW_HOOK_TOKEN")[0];
  const publicHost = env.PUBLIC_URL ? [new URL(env.PUBLIC_URL).hostname] : [];
  return {
    ...file,
    demo: !wants.plane,
    host: env.HOST,
    port: env.PORT,
    ...(env.METRICS_PORT !== undefined && { metricsPort: env.METRICS_PORT }),
    ...(env.PUBLIC_URL && { publicUrl: env.PUBLIC_URL }),
    allowedHosts: env.ALLOWED_HOSTS ?? [...publicHost, ...LOOPBACK_HOSTS],
    trustedProxies: env.TRUSTED_PROXIES,
    ...(wants.plane && {
      plane: {
        url: env.PLANE_URL ?? "",
        apiKey: first("PLANE_API_KEY"),
        agentKeys: agentKeys(secrets, file),
        workspace: env.PLANE_WORKSPACE ?? "",
        projects: env.PLANE_PROJECTS,
        webhookSecrets: all("PLANE_WEBHOOK_SECRET"),
        rateLimit: env.PLANE_RATE_LIMIT,
      },
    }),
    store: { url: storeUrl, prefix: env.STORE_PREFIX },
    ...(wants.telegram && {
      telegram: {
        token: first("TELEGRAM_BOT_TOKEN"),
        chat: env.TELEGRAM_CHAT_ID ?? "",
        webhookSecrets: all("TELEGRAM_WEBHOOK_SECRET"),
        allowedUsers: env.TELEGRAM_ALLOWED_USERS,
        mode: env.TELEGRAM_MODE ?? (env.PUBLIC_URL ? "webhook" : "polling"),
        apiRoot: env.TELEGRAM_API_ROOT,
      },
    }),
    ...((env.OPENCLAW_URL || hookToken) && {
      openclaw: { ...(env.OPENCLAW_URL && { url: env.OPENCLAW_URL }), ...(hookToken && { token: hookToken }) },
    }),
    pollCron: env.POLL_CRON,
    locale: env.LOCALE,
    timezone: env.TIMEZONE,
    adminTokens: all("ADMIN_TOKEN"),
    tickTokens: all("TICK_TOKEN"),
    agentTokens: agentTokens(secrets, file),
    logLevel: env.LOG_LEVEL,
    secretsFile: env.SECRETS_FILE,
    webhookLimit: env.WEBHOOK_MAX_BYTES,
    secrets: secretValues(secrets, file),
  };
}

function agentKeys(secrets: Secrets, file: FileSettings): Record<string, string> {
  const pairs = file.agents.flatMap(({ name }) => {
    const key = secrets.get(`PLANE_API_KEY_${settingName(name)}`)?.[0];
    return key ? [[name, key] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** Whoever knows the address of a hook may often call it: the whole of it is a secret, its host is not. */
function secretValues(secrets: Secrets, file: FileSettings): string[] {
  const values = [...secrets].flatMap(([name, some]) => (name === "STORE_URL" ? some.flatMap(passwordsIn) : some));
  const wakes = file.agents.flatMap(({ wake }) => (wake.kind === "webhook" ? [wake] : []));
  const hooks = [...wakes, ...file.forward];
  const addresses = hooks.map(({ url }) => new URL(url)).filter(({ pathname, search }) => pathname + search !== "/");
  return [...new Set([...values, ...hooks.map(({ secret }) => secret), ...addresses.map(({ href }) => href)])];
}

/** A store's password, as it stands in the URL and as it is. */
function passwordsIn(url: string): string[] {
  const password = URL.canParse(url) ? new URL(url).password : "";
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** What runs, but perhaps not as meant. */
export function warningsAbout(settings: Settings, secrets: Secrets): string[] {
  const { plane, telegram } = settings;
  const strangers = [...secrets.keys()].filter((name) => {
    const agent = agentOf(name);
    if (agent === undefined) return false;
    if (name.startsWith("AGENT_TOKEN_")) return !isForAnAgent(agent, settings.agents);
    return !settings.agents.some((known) => settingName(known.name) === agent);
  });
  const warnings = strangers.map((name) => `${name} is not used: no agent in GROUNDCREW_CONFIG has this name`);
  const guarding = /^(?:ADMIN_TOKEN|TICK_TOKEN|TELEGRAM_WEBHOOK_SECRET|AGENT_TOKEN_.+)$/;
  const weak = [...secrets].filter(
    ([name, values]) => guarding.test(name) && values.some((one) => one.length < STRONG),
  );
  warnings.push(...weak.map(([name]) => `${name} is shorter than ${STRONG} characters and could be guessed`));
  warnings.push(...wakeWarnings(settings));
  if (!plane) return warnings;
  if (plane.webhookSecrets.length === 0)
    warnings.push("PLANE_WEBHOOK_SECRET is not set: webhooks are refused, and changes are seen only by polling");
  if (!telegram) warnings.push("TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID are not set: no message is sent");
  if (settings.adminTokens.length === 0)
    warnings.push("ADMIN_TOKEN is not set: /ready, /metrics and /dead-letters answer nobody");
  return warnings;
}

function wakeWarnings({ agents, openclaw }: Settings): string[] {
  const woken = agents.flatMap(({ name, wake }) => (wake.kind === "openclaw" ? [{ name, wake }] : []));
  if (woken.length === 0) return [];
  const names = (some: typeof woken) => some.map(({ name }) => name).join(", ");
  if (!openclaw?.token) return [`OPENCLAW_HOOK_TOKEN is not set: ${names(woken)} cannot be woken`];
  const nowhere = woken.filter(({ wake }) => !("url" in wake && wake.url) && !openclaw.url);
  return nowhere.length > 0 ? [`OPENCLAW_URL is not set: ${names(nowhere)} cannot be woken`] : [];
}
