import { getConnectionPath } from "../../../shared/config/connection-file.ts";
import { toPathBesideSecrets } from "../../../shared/config/provision-schema.ts";
import { createStep } from "../step.ts";

const ADMIN_TOKEN = "ADMIN_TOKEN";

/** Creates the token with which people sign in to Groundcrew's page. */
export const adminTokenStep = createStep({
  name: "page token",
  readState: async ({ vault }) => vault.getFirstValue(ADMIN_TOKEN) !== undefined,
  decide: (isSet, { secretsFile }) =>
    isSet
      ? { actions: [], note: `${ADMIN_TOKEN} is set` }
      : { actions: [{ is: "created" as const, detail: `${ADMIN_TOKEN}, in ${secretsFile}` }] },
  applyAction: async ({ vault, newSecret }) => vault.storeValues(ADMIN_TOKEN, [newSecret()]),
});

/**
 * Writes the agents in the form that the runtime reads, if GROUNDCREW_CONFIG names none. An existing file is never
 * overwritten; the agents are then written to a file next to it, from which people copy them.
 */
export const agentsFileStep = createStep({
  name: "agents",
  async readState({ settings: { configFile }, disk }) {
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
  async applyAction({ settings: { agents }, disk }, _, found) {
    if (found) await disk.write(found.path, `${JSON.stringify({ agents }, null, 2)}\n`, 0o600);
  },
});

/** Stores the settings of this run, so that `npm start` finds them in a new shell. */
export const connectionStep = createStep({
  name: "connection",
  async readState({ settings: { secretsFile, connectionFile }, disk }) {
    const path = getConnectionPath(secretsFile);
    return { path, text: connectionFile, current: await disk.read(path) };
  },
  decide({ path, text, current }) {
    if (current === text) return { actions: [], note: path };
    const is = current === undefined ? ("created" as const) : ("changed" as const);
    return {
      actions: [{ is, detail: `${path}, from which npm start reads PLANE_URL, PLANE_WORKSPACE, PORT and LOCALE` }],
    };
  },
  applyAction: async ({ disk }, _, { path, text }) => disk.write(path, text, 0o600),
});

/** Writes the skill with Groundcrew's address filled in, for people to copy into each agent's workspace. */
export const skillStep = createStep({
  name: "skill",
  async readState({ settings, disk, skill: template }) {
    const path = toPathBesideSecrets(settings.secretsFile, "skill/plane-bridge/SKILL.md");
    const text = template.replaceAll("$GROUNDCREW_URL", () => `\${GROUNDCREW_URL:-${settings.address}}`);
    return { path, text, current: await disk.read(path) };
  },
  decide({ path, text, current }, { address }) {
    if (current === text) return { actions: [], note: path };
    const is = current === undefined ? ("created" as const) : ("changed" as const);
    return { actions: [{ is, detail: `${path}, with the address ${address}` }] };
  },
  applyAction: async ({ disk }, _, { path, text }) => disk.write(path, text, 0o644),
});

/** Updates Telegram's webhook and command menu, if a bot is configured. */
export const telegramStep = createStep({
  name: "telegram",
  async readState({ telegram: setUp, vault }) {
    if (!setUp) return { changes: [], note: "no bot is configured" };
    const { changes, failed } = await setUp(false, vault.getNotes().telegram);
    if (failed) throw new Error(`Telegram: ${failed}. Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_ROOT.`);
    return { changes, note: changes.length === 0 ? "webhook and commands are up to date" : undefined };
  },
  decide: ({ changes, note }) => ({
    actions: changes.length > 0 ? [{ is: "changed" as const, detail: changes.join(", ") }] : [],
    note,
  }),
  async applyAction({ telegram: setUp, vault }) {
    const result = await setUp?.(true, vault.getNotes().telegram);
    if (result?.failed) throw new Error(`Telegram: ${result.failed}. Run the same command again.`);
    const { mark } = result ?? {};
    if (mark !== undefined) await vault.updateNotes(() => ({ telegram: mark }));
  },
});
