/**
 * OpenClaw's own settings: who may write to its agents, the secrets that no report may contain, the limits of agents that
 * agents start, which an upgrade sets because newer versions do it differently, and what is not used yet.
 */

import { join, posix } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { collectFindings, createReport, type Finding } from "../../functions/doctor/findings.ts";
import { loadOpenclawConfig } from "../../functions/doctor/openclaw-access.ts";
import { cleanLine } from "../../shared/text.ts";
import { nodeFiles } from "../node/files.ts";
import {
  explainOutput,
  findAnswer,
  readFile,
  runOpenclaw,
  type SpawnLimits,
  type StepContext,
  type UpgradeSettings,
} from "./upgrade-driver.ts";

const policySchema = z.looseObject({ dmPolicy: z.string().optional(), allowFrom: z.array(z.unknown()).optional() });

const telegramSchema = policySchema.extend({ accounts: z.record(z.string(), policySchema).optional() });

const channelsSchema = z.looseObject({ channels: z.looseObject({ telegram: telegramSchema.optional() }).optional() });

/** Agents by id. 2026.2 has them in a list, 2026.9 has entries as well. */
const agentsSchema = z.looseObject({
  agents: z.looseObject({
    defaults: z.unknown().optional(),
    list: z.array(z.looseObject({ id: z.string().default("") })).default([]),
    entries: z.record(z.string(), z.unknown()).default({}),
  }),
});

/** The schema of OpenClaw's settings, of which only the names of sections are read. */
const schemaSchema = z.object({ properties: z.record(z.string(), z.unknown()) });

const SECRET_NAME = /token|secret|passw|key|auth|credential/i;

/** OpenClaw's settings that hold a limit, in the defaults or those of one agent. */
const LIMITS: Record<string, (limits: SpawnLimits) => number | string> = {
  "subagents.maxConcurrent": ({ agents }) => agents,
  "subagents.runTimeoutSeconds": ({ minutes }) => minutes * 60,
  "sandbox.docker.memory": ({ memory }) => memory,
  "sandbox.docker.cpus": ({ cpus }) => cpus,
};

/** Reads OpenClaw's settings with the files they include. Throws an Error for people, which quotes nothing of them. Their secrets are noted for reports. */
export async function readOpenclawSettings(context: StepContext): Promise<unknown> {
  const loaded = await loadOpenclawConfig({
    path: posix.join(context.settings.state, "openclaw.json"),
    isConfigured: true,
    read: (path) => readFile(context, path),
    resolve: (from, included) => posix.resolve(posix.dirname(from), included),
  });
  if (!loaded || "problem" in loaded) throw new Error(loaded?.problem ?? "OpenClaw's settings cannot be read");
  context.secrets.push(...listConfigSecrets(loaded.config));
  return loaded.config;
}

/** The texts in OpenClaw's settings under names that say that they are secret. */
function listConfigSecrets(config: unknown, isSecret = false): string[] {
  if (typeof config === "string") return isSecret ? [config] : [];
  if (typeof config !== "object" || config === null) return [];
  return Object.entries(config).flatMap(([name, value]) =>
    // A list below such a name, and the numbers as names of its entries, are secret as well.
    listConfigSecrets(value, SECRET_NAME.test(name) || (isSecret && /^\d+$/.test(name))),
  );
}

/** The values of the Compose project's environment file whose names say that they are secret; none without the file. */
export function listInstallationSecrets(settings: UpgradeSettings): string[] {
  if (settings.driver === "npm") return [];
  return listConfigSecrets(parseEnv(nodeFiles.read(join(settings.folder, settings.env_file))?.text ?? ""));
}

/**
 * Checks who may write to the agents in Telegram, for the channel and for each account that has its own policy. With the
 * policy `allowlist` and nobody on the list, 2026.2 refuses its settings and 2026.9 drops every message without a word.
 */
export function checkDirectMessages(config: unknown): Finding {
  const { ok, failed } = createReport("direct messages");
  const parsed = channelsSchema.safeParse(config);
  if (!parsed.success)
    return failed`channels.telegram in OpenClaw's settings is not valid → Fix dmPolicy and allowFrom.`;
  const telegram = parsed.data.channels?.telegram;
  if (!telegram) return ok`OpenClaw has no Telegram channel`;
  const { accounts = {}, ...channel } = telegram;
  const policies = Object.entries(accounts).map(([name, account]) =>
    checkPolicy({ ...channel, ...account }, `account ${cleanLine(name, 40)}: `),
  );
  // Without a policy of its own the channel has only those of its accounts.
  if (policies.length === 0 || channel.dmPolicy !== undefined) policies.unshift(checkPolicy(channel, ""));
  const find = (wanted: Finding["status"]) => policies.find(({ status }) => status === wanted);
  return find("failed") ?? find("warning") ?? ok`${policies.map(({ detail }) => detail).join("; ")}`;
}

function checkPolicy({ dmPolicy = "pairing", allowFrom = [] }: z.output<typeof policySchema>, place: string): Finding {
  const { ok, warning, failed } = createReport("direct messages");
  const todo = 'Set dmPolicy of channels.telegram to "allowlist", with the numbers of your users in allowFrom.';
  if (dmPolicy === "open" || (dmPolicy === "allowlist" && allowFrom.includes("*")))
    return failed`${place}everyone may write to the agents → ${todo}`;
  if (dmPolicy === "allowlist" && allowFrom.length === 0)
    return failed`${place}the allow-list is empty, so nobody can write to the agents
      → Add your Telegram user's number to allowFrom of channels.telegram.`;
  if (dmPolicy === "allowlist") return ok`${place}an allow-list of ${allowFrom.length}`;
  if (dmPolicy === "disabled") return ok`${place}policy disabled`;
  return warning`${place}policy ${cleanLine(dmPolicy, 40)} without an allow-list: strangers can ask to be paired
    → ${todo}`;
}

/**
 * The settings to change so that spawned agents have these limits: how many run at once (the rest queues), for how
 * long, and what each sandbox may use. OpenClaw has no default of its own for the last three.
 */
export function planLimits(config: unknown, limits: SpawnLimits) {
  const defaults = readAgents(config).defaults;
  return Object.entries(LIMITS).flatMap(([path, toValue]) => {
    const value = toValue(limits);
    return readSetting(defaults, path) === value ? [] : [{ path: `agents.defaults.${path}`, value }];
  });
}

function readAgents(config: unknown): { defaults?: unknown; agents: [id: string, settings: unknown][] } {
  const { defaults, list = [], entries = {} } = agentsSchema.safeParse(config).data?.agents ?? {};
  return {
    defaults,
    agents: [...list.map((agent): [string, unknown] => [agent.id, agent]), ...Object.entries(entries)],
  };
}

/** The value at a path such as `sandbox.mode`; undefined where there is none. */
function readSetting(settings: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => Object(value)[name], settings);
}

/** Sets the limits with the pinned version's own command, while its gateway runs. Throws when it refuses one. */
export async function applyLimits(
  context: StepContext,
  config: unknown,
): Promise<{ changes: number; findings: Finding[] }> {
  const { limits } = context.settings;
  const { ok, skipped } = createReport("limits");
  if (limits === null) return { changes: 0, findings: [skipped`"limits" is null in the settings of upgrades`] };
  const changes = planLimits(config, limits);
  if (changes.length > 0) await setValues(context, changes);
  const { agents, memory, cpus, minutes } = limits;
  const text = `${agents} agents at once, ${minutes} min each; sandboxes ${memory} and ${cpus} CPU`;
  const mode = readSetting(readAgents(config).defaults, "sandbox.mode");
  const exempt = findExemptAgents(config, limits);
  const findings = collectFindings(
    ok`${text}; ${changes.length} settings changed`,
    (mode === undefined || mode === "off") &&
      createReport("sandbox").warning`agents.defaults.sandbox.mode is off, so memory and CPU of spawned agents are those
        of the gateway
        → Set it to "non-main" or "all"; the number of agents and their time are limited in any case.`,
    exempt.length > 0 &&
      createReport("agents with limits of their own").warning`${exempt.join(", ")}
        → Remove subagents and sandbox.docker of these agents from OpenClaw's settings, or lower them.`,
  );
  return { changes: changes.length, findings };
}

/** 2026.9 sets all values with one command; 2026.2 needs one for each. */
async function setValues(context: StepContext, changes: ReturnType<typeof planLimits>): Promise<void> {
  const set = (...args: string[]) => runOpenclaw(context, "config", "set", ...args);
  const batch = await set("--batch-json", JSON.stringify(changes));
  if (batch.status === 0) return;
  if (!/unknown option|missing required argument/i.test(batch.stderr))
    throw new Error(explainOutput("openclaw config set", batch));
  for (const { path, value } of changes) {
    const result = await set(path, JSON.stringify(value));
    if (result.status !== 0) throw new Error(explainOutput(`openclaw config set ${path}`, result));
  }
}

/** The agents whose own settings replace a limit of the defaults by another value. */
export function findExemptAgents(config: unknown, limits: SpawnLimits): string[] {
  const isExempt = (agent: unknown) =>
    Object.entries(LIMITS).some(([path, toValue]) => {
      const own = readSetting(agent, path);
      return own !== undefined && own !== toValue(limits);
    });
  return readAgents(config).agents.flatMap(([id, agent]) => (isExempt(agent) ? [cleanLine(id, 60)] : []));
}

/** Names the sections of the settings that the new version has and OpenClaw's own settings do not use yet. */
export async function listUnusedSettings(context: StepContext): Promise<Finding[]> {
  const { ok, skipped } = createReport("unused settings");
  const schema = findAnswer(schemaSchema, await runOpenclaw(context, "config", "schema"));
  if (!schema) return [skipped`this version does not describe its settings`];
  const used = new Set(Object.keys(Object(await readOpenclawSettings(context))));
  const unused = Object.keys(schema.properties).filter((name) => /^\w+$/.test(name) && !used.has(name));
  return [ok`${unused.join(", ") || "none"}; \`openclaw config schema\` describes them`];
}
