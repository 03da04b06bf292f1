import type { WorkspaceTexts } from "./workspace-texts.ts";

/** The agents of the demo, the Concierge first. */
export const DEMO_AGENTS = ["Concierge", "Imhotep", "Thot", "Ptah", "Seshat"] as const;

/** The agents as the settings describe them, with the e-mail addresses of their accounts in the simulated Plane. */
export function createAgentSettings({ personas }: Pick<WorkspaceTexts, "personas">) {
  return DEMO_AGENTS.map((name, i) => ({
    name,
    role: i === 0 ? "concierge" : "worker",
    about: personas[name],
    email: `${name.toLowerCase()}@javisi.local.test`,
    wake: "openclaw",
  }));
}
