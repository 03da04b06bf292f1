import { parseSettings, type Settings } from "../shared/config/settings.ts";
import { createAgentSettings } from "./demo-agents.ts";
import { TICKET_LABEL, TICKET_PROJECT } from "./tickets/ticket-scripts.ts";
import type { WorkspaceTexts } from "./workspace-texts.ts";

/** The month's budget, which a proposed plan shows. */
const BUDGET = { amount: 50, currency: "EUR" };

/** Work items of one project become tickets when they have the label. The simulated runner reads no path. */
const TICKETS = { repositories: { [TICKET_PROJECT]: "/srv/platform" }, labels: [TICKET_LABEL] };

/**
 * Creates the product's settings for the demo. Address, language, time zone and allowed hosts come from `baseSettings`.
 */
export function createDemoSettings(
  baseSettings: Settings,
  texts: WorkspaceTexts,
  env: Record<string, string>,
): Settings {
  const agents = createAgentSettings(texts);
  const configPath = "demo.json";
  const files = {
    read: (path: string) =>
      path === configPath
        ? { text: JSON.stringify({ agents, budget: BUDGET, tickets: TICKETS }), mode: 0o600 }
        : undefined,
  };
  const parsed = parseSettings({ ...env, HOST: baseSettings.host, GROUNDCREW_CONFIG: configPath }, files);
  if (!parsed.ok) throw new Error(parsed.problems.map(({ name, wanted }) => `${name}: wanted ${wanted}`).join("; "));
  const { host, locale, timezone, allowedHosts } = baseSettings;
  return { ...parsed.settings, demo: true, host, locale, timezone, allowedHosts, logLevel: "info" };
}
