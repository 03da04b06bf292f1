import { getOpenclawTokenVariable } from "../../../shared/config/openclaw-agents.ts";
import { toPathBesideSecrets } from "../../../shared/config/provision-schema.ts";
import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { getBridgeTokenSetting } from "../bridge-tokens.ts";
import type { ProvisionContext } from "../context.ts";
import { createOldOpenclawConfig, createOpenclawConfig, formatOpenclawEnvironment } from "../openclaw-config.ts";
import { formatJsonFile, getOpenclawEnvironmentPath } from "../secrets-file.ts";
import { createStep } from "../step.ts";

const HOOK_TOKEN = "OPENCLAW_HOOK_TOKEN";

/** Creates the token of OpenClaw's hooks, if it wakes agents and none is given. */
export const hookTokenStep = createStep({
  name: "openclaw hook token",
  readState: async ({ vault }) => vault.getFirstValue(HOOK_TOKEN) !== undefined,
  decide: (isSet, settings) => {
    if (isSet) return { actions: [], note: `${HOOK_TOKEN} is set` };
    if (!isHookTokenNeeded(settings))
      return { actions: [], note: "not needed: no agent is woken through OpenClaw (OPENCLAW_URL, agents[].wake)" };
    return { actions: [{ is: "created" as const, detail: `${HOOK_TOKEN}, in ${settings.secretsFile}` }] };
  },
  applyAction: async ({ vault, newSecret }) => vault.storeValues(HOOK_TOKEN, [newSecret()]),
});

/**
 * Writes OpenClaw's settings for these agents, for both supported versions, and their tokens in an environment file.
 * People merge or include the settings; nothing is written outside the folder of SECRETS_FILE.
 */
export const openclawStep = createStep({
  name: "openclaw",
  async readState(context) {
    const { settings, disk } = context;
    const environment = await readTokens(context);
    const files = [
      { name: "openclaw-2026.9.json", text: formatJsonFile(createOpenclawConfig(settings)) },
      { name: "openclaw-2026.2.json", text: formatJsonFile(createOldOpenclawConfig(settings)) },
    ].map(({ name, text }) => ({ path: toPathBesideSecrets(settings.secretsFile, `openclaw/${name}`), text }));
    const envFile = {
      path: getOpenclawEnvironmentPath(settings.secretsFile),
      text: formatOpenclawEnvironment(environment.known),
    };
    const states = [];
    for (const file of [...files, envFile]) states.push({ ...file, current: await disk.read(file.path) });
    return { files: states, unknown: environment.unknown };
  },
  decide({ files, unknown }) {
    const actions = files
      .filter(({ text, current }) => text !== current)
      .map(({ path, text, current }) => ({
        is: current === undefined ? ("created" as const) : ("changed" as const),
        detail: path,
        path,
        text,
      }));
    const paths = files.map(({ path }) => path).join(", ");
    const missing = unknown.length > 0 ? `set in OpenClaw's environment yourself: ${unknown.join(", ")}` : undefined;
    return { actions, note: keepDefined([actions.length === 0 ? paths : undefined, missing]).join("; ") };
  },
  applyAction: async ({ disk }, { path, text }) => disk.write(path, text, 0o600),
});

/**
 * The tokens for the gateway's environment, and the variables whose values provision cannot know, because
 * AGENT_TOKEN_<AGENT> in the environment may be a hash.
 */
async function readTokens({ settings, vault }: ProvisionContext) {
  const known = new Map<string, string>();
  const unknown: string[] = [];
  const hookToken = vault.getFirstValue(HOOK_TOKEN);
  if (hookToken !== undefined && isHookTokenNeeded(settings)) known.set(HOOK_TOKEN, hookToken);
  for (const { name } of settings.agents) {
    const token = await vault.readBridgeToken(name);
    if (token !== undefined) known.set(getOpenclawTokenVariable(name), token);
    else if (vault.isFromEnvironment(getBridgeTokenSetting(name))) unknown.push(getOpenclawTokenVariable(name));
  }
  return { known, unknown };
}

const isHookTokenNeeded = ({ agents }: Pick<ProvisionSettings, "agents">) =>
  agents.some(({ wake }) => wake.kind === "openclaw");
