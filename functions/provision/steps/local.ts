import { toPathBesideSecrets } from "../../../shared/config/provision-schema.ts";
import { createStep } from "../step.ts";

const ADMIN_TOKEN = "ADMIN_TOKEN";

/** Creates the token with which people sign in to Groundcrew's page. */
export const adminTokenStep = createStep({
  name: "page token",
  look: async ({ vault }) => vault.first(ADMIN_TOKEN) !== undefined,
  decide: (isSet, { secretsFile }) =>
    isSet
      ? { actions: [], note: `${ADMIN_TOKEN} is set` }
      : { actions: [{ is: "created" as const, detail: `${ADMIN_TOKEN}, in ${secretsFile}` }] },
  act: async ({ vault, newSecret }) => vault.keep(ADMIN_TOKEN, [newSecret()]),
});

/**
 * Writes the agents in the form that the runtime reads, if GROUNDCREW_CONFIG names none. An existing file is never
 * overwritten; the agents are then written to a file next to it, from which people copy them.
 */
export const agentsFileStep = createStep({
  name: "agents",
  async look({ settings: { configFile }, disk }) {
    if (!configFile) return undefined;
    const path = configFile.exists ? `${configFile.path}.agents` : configFile.path;
    return { path, exists: (await disk.read(path)) !== undefined };
  },
  decide(found, { configFile, agents }) {
    if (!found) return { actions: [], note: `${agents.length} in GROUNDCREW_CONFIG` };
    const note = configFile?.exists ? `${configFile.path} has no agents: copy them from ${found.path}` : undefined;
    if (found.exists) return { actions: [], note };
    return { actions: [{ is: "created" as const, detail: `${found.path}, with ${agents.length} agents` }], note };
  },
  async act({ settings: { agents }, disk }, _, found) {
    if (found) await disk.write(found.path, `${JSON.stringify({ agents }, null, 2)}\n`, 0o600);
  },
});

/** Writes the skill with Groundcrew's address filled in, for people to copy into each agent's workspace. */
export const skillStep = createStep({
  name: "skill",
  async look({ settings, disk, skill: template }) {
    const path = toPathBesideSecrets(settings.secretsFile, "skill/plane-bridge/SKILL.md");
    const text = template.replaceAll("$GROUNDCREW_URL", () => `\${GROUNDCREW_URL:-${settings.address}}`);
    return { path, text, current: await disk.read(path) };
  },
  decide({ path, text, current }, { address }) {
    if (current === text) return { actions: [], note: path };
    const is = current === undefined ? ("created" as const) : ("changed" as const);
    return { actions: [{ is, detail: `${path}, with the address ${address}` }] };
  },
  act: async ({ disk }, _, { path, text }) => disk.write(path, text, 0o644),
});

/** Updates Telegram's webhook and command menu, if a bot is configured. */
export const telegramStep = createStep({
  name: "telegram",
  async look({ telegram: setUp, vault }) {
    if (!setUp) return { changes: [], note: "no bot is configured" };
    const { changes, failed } = await setUp(false, vault.notes().telegram);
    if (failed) throw new Error(`Telegram: ${failed}. Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_ROOT.`);
    return { changes, note: changes.length === 0 ? "webhook and commands are up to date" : undefined };
  },
  decide: ({ changes, note }) => ({
    actions: changes.length > 0 ? [{ is: "changed" as const, detail: changes.join(", ") }] : [],
    note,
  }),
  async act({ telegram: setUp, vault }) {
    const result = await setUp?.(true, vault.notes().telegram);
    if (result?.failed) throw new Error(`Telegram: ${result.failed}. Run the same command again.`);
    const { mark } = result ?? {};
    if (mark !== undefined) await vault.note(() => ({ telegram: mark }));
  },
});
