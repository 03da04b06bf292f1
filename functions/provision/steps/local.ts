import { toPathBesideSecrets } from "../../../shared/config/provision-schema.ts";
import { createStep } from "../step.ts";

const ADMIN_TOKEN = "ADMIN_TOKEN";

/** What people sign in to Groundcrew's page with. */
export const adminTokenStep = createStep({
  name: "page token",
  look: async ({ vault }) => vault.first(ADMIN_TOKEN) !== undefined,
  decide: (isThere, { secretsFile }) =>
    isThere
      ? { actions: [], note: `${ADMIN_TOKEN} is set` }
      : { actions: [{ is: "created" as const, detail: `${ADMIN_TOKEN}, in ${secretsFile}` }] },
  act: async ({ vault, newSecret }) => vault.keep(ADMIN_TOKEN, [newSecret()]),
});

/**
 * The agents as the runtime reads them, where the JSON file names none. A file that is there is not written over: then
 * they lie beside it, to be copied.
 */
export const agentsFileStep = createStep({
  name: "agents",
  async look({ settings: { configFile }, disk }) {
    if (!configFile) return undefined;
    const path = configFile.exists ? `${configFile.path}.agents` : configFile.path;
    return { path, isThere: (await disk.read(path)) !== undefined };
  },
  decide(found, { configFile, agents }) {
    if (!found) return { actions: [], note: `${agents.length} in GROUNDCREW_CONFIG` };
    const note = configFile?.exists ? `${configFile.path} names no agents: copy them from ${found.path}` : undefined;
    if (found.isThere) return { actions: [], note };
    return { actions: [{ is: "created" as const, detail: `${found.path}, with ${agents.length} agents` }], note };
  },
  async act({ settings: { agents }, disk }, _, found) {
    if (found) await disk.write(found.path, `${JSON.stringify({ agents }, null, 2)}\n`, 0o600);
  },
});

/** The skill with Groundcrew's address filled in, ready to be copied into each agent's workspace. */
export const skillStep = createStep({
  name: "skill",
  async look({ settings, disk, skill: template }) {
    const path = toPathBesideSecrets(settings.secretsFile, "skill/plane-bridge/SKILL.md");
    const text = template.replaceAll("$GROUNDCREW_URL", () => `\${GROUNDCREW_URL:-${settings.address}}`);
    return { path, text, now: await disk.read(path) };
  },
  decide({ path, text, now }, { address }) {
    if (now === text) return { actions: [], note: path };
    const is = now === undefined ? ("created" as const) : ("changed" as const);
    return { actions: [{ is, detail: `${path}, with the address ${address}` }] };
  },
  act: async ({ disk }, _, { path, text }) => disk.write(path, text, 0o644),
});

/** Telegram's webhook and command menu, where a bot is set up. */
export const telegramStep = createStep({
  name: "telegram",
  async look({ telegram: setUp, vault }) {
    if (!setUp) return { changes: [], note: "no bot is set up" };
    const { changes, failed } = await setUp(false, vault.notes().telegram);
    if (failed) throw new Error(`Telegram: ${failed}. Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_ROOT.`);
    return { changes, note: changes.length === 0 ? "webhook and commands are as they should be" : undefined };
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
