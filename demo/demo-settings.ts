import { parseSettings, type Settings } from "../shared/config/settings.ts";

/**
 * Creates the product's settings for the demo. Address, language, time zone and allowed hosts come from `baseSettings`.
 */
export function createDemoSettings(baseSettings: Settings, env: Record<string, string>): Settings {
  const agents = [
    { name: "Concierge", email: "concierge@javisi.local.test", role: "concierge" },
    { name: "Imhotep", email: "imhotep@javisi.local.test" },
    { name: "Thot", email: "thot@javisi.local.test" },
  ];
  const configPath = "demo.json";
  const files = {
    read: (path: string) => (path === configPath ? { text: JSON.stringify({ agents }), mode: 0o600 } : undefined),
  };
  const parsed = parseSettings({ ...env, HOST: baseSettings.host, GROUNDCREW_CONFIG: configPath }, files);
  if (!parsed.ok) throw new Error(parsed.problems.map(({ name, wanted }) => `${name}: wanted ${wanted}`).join("; "));
  const { host, locale, timezone, allowedHosts } = baseSettings;
  return { ...parsed.settings, demo: true, host, locale, timezone, allowedHosts, logLevel: "info" };
}
