/**
 * Steps that write files on this machine: the administrator's token, the list of agents, the connection, the skill,
 * Telegram and OpenClaw.
 */

import type { ProvisionSettings } from "../../../shared/config/provision-settings.ts";
import { getConnectionPath, toPathBesideSecrets } from "../../../shared/config/secrets.ts";
import { getOpenclawTokenVariable } from "../../../shared/config/settings.ts";
import type { ProvisionContext } from "../context.ts";
import { formatJsonFile, getBridgeTokenSetting, getOpenclawPath } from "../files.ts";
import { createOpenclawFiles } from "../openclaw-settings.ts";
import { createStepRefusal } from "../refusals.ts";
import { change, create, createStep, type ProvisionStep, type StepChange } from "../step.ts";

const HOOK_TOKEN = "OPENCLAW_HOOK_TOKEN";

/** The change that writes a file, described by `detail`; the path when it has this text already. */
async function planFile(
  { disk }: ProvisionContext,
  path: string,
  text: string,
  { detail = path, mode = 0o600 } = {},
): Promise<StepChange | string> {
  const current = await disk.read(path);
  if (current === text) return path;
  return (current === undefined ? create : change)(detail, () => disk.write(path, text, mode));
}

/** Creates a step that writes this file; `describe`: what people read of it, by default its path. */
export const createFileStep = (
  name: string,
  { path, text }: { path: string; text: string },
  needs: ProvisionStep["needs"] = [],
  describe: (context: ProvisionContext) => Promise<string> = async () => path,
): ProvisionStep =>
  createStep(name, needs, async (context) => planFile(context, path, text, { detail: await describe(context) }));

/** Creates a step that generates a secret of Groundcrew's own, unless there is one or `skip` says why none is needed. */
function createSecretStep(
  name: string,
  setting: string,
  skip: (settings: ProvisionSettings) => string | undefined = () => undefined,
): ProvisionStep {
  return createStep(name, [], async ({ vault, newSecret, settings }) => {
    const note = vault.getFirstValue(setting) === undefined ? skip(settings) : `${setting} is set`;
    if (note !== undefined) return note;
    return create(`${setting}, in ${settings.secretsFile}`, () => vault.storeValues(setting, [newSecret()]));
  });
}

/** Creates the token with which people sign in to Groundcrew's page. */
export const adminTokenStep = createSecretStep("page token", "ADMIN_TOKEN");

/** Creates the token of OpenClaw's hooks, if it wakes agents and none is given. */
export const hookTokenStep = createSecretStep("openclaw hook token", HOOK_TOKEN, (settings) =>
  isHookTokenNeeded(settings)
    ? undefined
    : "not needed: no agent is woken through OpenClaw (OPENCLAW_URL, agents[].wake)",
);

const isHookTokenNeeded = ({ agents }: ProvisionSettings) => agents.some(({ wake }) => wake.kind === "openclaw");

/**
 * Writes the agents in the form that the runtime reads, if GROUNDCREW_CONFIG names none. An existing file is never
 * overwritten; the agents are then written to a file next to it, from which people copy them.
 */
export const agentsFileStep = createStep("agents", [], async ({ settings: { configFile, agents }, disk }) => {
  if (!configFile) return `${agents.length} in GROUNDCREW_CONFIG`;
  const path = configFile.exists ? `${configFile.path}.agents` : configFile.path;
  const write = () => disk.write(path, formatJsonFile({ agents }), 0o600);
  return [
    (await disk.read(path)) === undefined && create(`${path}, with ${agents.length} agents`, write),
    configFile.exists && `${configFile.path} has no agents: copy them from ${path}`,
  ];
});

/** Stores the settings of this run, so that `npm start` finds them in a new shell. */
export const connectionStep = createStep("connection", [], async (context) => {
  const path = getConnectionPath(context.settings.secretsFile);
  const detail = `${path}, from which npm start reads PLANE_URL, PLANE_WORKSPACE, PORT and LOCALE`;
  return [await planFile(context, path, context.settings.connectionFile, { detail })];
});

/** Writes the skill with Groundcrew's address filled in, for people to copy into each agent's workspace. */
export const skillStep = createStep("skill", [], async (context) => {
  const { address, secretsFile } = context.settings;
  const path = toPathBesideSecrets(secretsFile, "skill/plane-bridge/SKILL.md");
  const text = context.skill.replaceAll("$GROUNDCREW_URL", () => `\${GROUNDCREW_URL:-${address}}`);
  return [await planFile(context, path, text, { detail: `${path}, with the address ${address}`, mode: 0o644 })];
});

/** Updates Telegram's webhook and command menu, if a bot is configured. */
export const telegramStep = createStep("telegram", [], async ({ telegram: setUp, vault }) => {
  if (!setUp) return "no bot is configured";
  const { changes, failed } = await setUp(false, vault.getNotes().telegram);
  if (failed) throw createStepRefusal(`Telegram: ${failed}. Check TELEGRAM_BOT_TOKEN and TELEGRAM_API_ROOT.`);
  if (changes.length === 0) return "webhook and commands are up to date";
  return change(changes.join(", "), async () => {
    const result = await setUp(true, vault.getNotes().telegram);
    if (result.failed) throw createStepRefusal(`Telegram: ${result.failed}. Run the same command again.`);
    if (result.mark !== undefined) await vault.updateNotes({ telegram: result.mark });
  });
});

/**
 * Writes OpenClaw's settings for these agents, for both supported versions, with the tokens in them. People merge or
 * include the settings; nothing is written outside the folder of SECRETS_FILE.
 */
export const openclawStep = createStep("openclaw", [], async (context) => {
  const { agents, address, secretsFile, openclawUrl } = context.settings;
  const { tokens, unknown } = await readTokens(context);
  const hookToken = context.vault.getFirstValue(HOOK_TOKEN);
  const files = createOpenclawFiles({ agents, address, tokens, hookToken }, openclawUrl);
  const parts = [];
  for (const [name, config] of files)
    parts.push(await planFile(context, getOpenclawPath(secretsFile, name), formatJsonFile(config)));
  const missing = parts.filter((part) => typeof part === "object");
  const note = unknown.length > 0 && `set in OpenClaw's environment yourself: ${unknown.join(", ")}`;
  return [...(missing.length > 0 ? missing : [parts.join(", ")]), note];
});

/**
 * The agents' tokens, and the variables of those that provision cannot know, because AGENT_TOKEN_<AGENT> in the
 * environment may be a hash.
 */
async function readTokens({ settings, vault }: ProvisionContext) {
  const tokens = new Map<string, string>();
  const unknown: string[] = [];
  for (const { name } of settings.agents) {
    const token = await vault.readBridgeToken(name);
    if (token !== undefined) tokens.set(name, token);
    else if (vault.isFromEnvironment(getBridgeTokenSetting(name))) unknown.push(getOpenclawTokenVariable(name));
  }
  return { tokens, unknown };
}
