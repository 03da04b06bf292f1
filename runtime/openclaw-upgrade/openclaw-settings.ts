/** OpenClaw's own settings: secrets in them, who may write to agents, limits of started agents, and what is unused. */

import { join, posix } from "node:path";
import { parseEnv } from "node:util";
import { z } from "zod";
import { collectFindings, createReport, type Finding, type FindingReport } from "../../functions/doctor/findings.ts";
import { loadOpenclawConfig } from "../../functions/doctor/openclaw-access.ts";
import { findAnswer } from "../../functions/doctor/openclaw-skill.ts";
import { readPath } from "../../shared/omit-undefined.ts";
import { cleanLine } from "../../shared/text.ts";
import { nodeFiles } from "../node/files.ts";
import { explainOutput, readFile, type SpawnLimits, type StepContext, type UpgradeSettings } from "./upgrade-driver.ts";

const policySchema = z.looseObject({ dmPolicy: z.string().optional(), allowFrom: z.array(z.unknown()).optional() });

const telegramSchema = policySchema.extend({ accounts: z.record(z.string(), policySchema).default({}) }).optional();

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

/**
 * Reads OpenClaw's settings with the files they include. Throws an Error for people, which quotes nothing of them. Their
 * secrets are noted for reports.
 */
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

/** What is secret by its name in the environment, which programs inherit, and in the Compose project's file. */
export function listInstallationSecrets(settings: UpgradeSettings, env: Record<string, string | undefined>): string[] {
  const path = settings.driver === "compose" ? join(settings.folder, settings.env_file) : undefined;
  return listConfigSecrets({ ...env, ...parseEnv((path && nodeFiles.read(path)?.text) ?? "") });
}

/**
 * Checks who may write to the agents in Telegram, for the channel and for each account that has its own policy. With the
 * policy `allowlist` and nobody on the list, 2026.2 refuses its settings and 2026.9 drops every message without a word.
 */
export function checkDirectMessages(config: unknown): Finding {
  const report = createReport("direct messages");
  const { ok, failed } = report;
  const { success, data: telegram } = telegramSchema.safeParse(readPath(config, "channels.telegram"));
  if (!success) return failed`channels.telegram in OpenClaw's settings is not valid → Fix dmPolicy and allowFrom.`;
  if (!telegram) return ok`OpenClaw has no Telegram channel`;
  const { accounts, ...channel } = telegram;
  const policies = Object.entries(accounts).map(([name, account]) =>
    checkPolicy(report, { ...channel, ...account }, `account ${cleanLine(name, 40)}: `),
  );
  // Without a policy of its own the channel has only those of its accounts.
  if (policies.length === 0 || channel.dmPolicy !== undefined) policies.unshift(checkPolicy(report, channel, ""));
  const find = (wanted: Finding["status"]) => policies.find(({ status }) => status === wanted);
  return find("failed") ?? find("warning") ?? ok`${policies.map(({ detail }) => detail).join("; ")}`;
}

function checkPolicy(
  { ok, warning, failed }: FindingReport,
  { dmPolicy = "pairing", allowFrom = [] }: z.output<typeof policySchema>,
  place: string,
): Finding {
  const todo = 'Set dmPolicy of channels.telegram to "allowlist", with the numbers of your users in allowFrom.';
  if (dmPolicy === "disabled") return ok`${place}policy disabled`;
  if (dmPolicy === "open" || (dmPolicy === "allowlist" && allowFrom.includes("*")))
    return failed`${place}everyone may write to the agents → ${todo}`;
  if (dmPolicy !== "allowlist")
    return warning`${place}policy ${cleanLine(dmPolicy, 40)} without an allow-list: strangers can ask to be paired
      → ${todo}`;
  if (allowFrom.length > 0) return ok`${place}an allow-list of ${allowFrom.length}`;
  return failed`${place}the allow-list is empty, so nobody can write to the agents → ${todo}`;
}

/**
 * The settings to change so that spawned agents have these limits: how many run at once (the rest queues), for how
 * long, and what each sandbox may use. OpenClaw has no default of its own for the last three.
 */
export function planLimits(config: unknown, limits: SpawnLimits) {
  return Object.entries(LIMITS).flatMap(([name, toValue]) => {
    const [path, value] = [`agents.defaults.${name}`, toValue(limits)];
    return readPath(config, path) === value ? [] : [{ path, value }];
  });
}

/** The agents whose own settings replace a limit of the defaults by another value. */
export function findExemptAgents(config: unknown, limits: SpawnLimits): string[] {
  // 2026.2 has agents in a list, 2026.9 has entries as well.
  const list = Object.values(Object(readPath(config, "agents.list"))).map((agent) => [readPath(agent, "id"), agent]);
  const agents = [...list, ...Object.entries(Object(readPath(config, "agents.entries")))];
  return agents.flatMap(([id, agent]) => {
    const isExempt = Object.entries(LIMITS).some(([path, toValue]) => {
      const own = readPath(agent, path);
      return own !== undefined && own !== toValue(limits);
    });
    return isExempt ? [cleanLine(String(id), 60)] : [];
  });
}

/** Sets the limits with the pinned version's own command, while its gateway runs. Throws when it refuses one. */
export async function applyLimits(context: StepContext): Promise<{ changes: number; findings: Finding[] }> {
  const { limits } = context.settings;
  const { ok, skipped } = createReport("limits");
  if (limits === null) return { changes: 0, findings: [skipped`"limits" is null in the settings of upgrades`] };
  const config = await readOpenclawSettings(context);
  const changes = planLimits(config, limits);
  if (changes.length > 0) await setValues(context, changes);
  const { agents, memory, cpus, minutes } = limits;
  const mode = readPath(config, "agents.defaults.sandbox.mode");
  const exempt = findExemptAgents(config, limits);
  const findings = collectFindings(
    ok`${agents} agents at once, ${minutes} min each; sandboxes ${memory} and ${cpus} CPU; ${changes.length} settings
      changed`,
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
async function setValues({ openclaw }: StepContext, changes: ReturnType<typeof planLimits>): Promise<void> {
  const batch = await openclaw("config", "set", "--batch-json", JSON.stringify(changes));
  if (batch.status === 0) return;
  if (!/unknown option|missing required argument/i.test(batch.stderr))
    throw new Error(explainOutput("openclaw config set", batch));
  for (const { path, value } of changes) {
    const result = await openclaw("config", "set", path, JSON.stringify(value));
    if (result.status !== 0) throw new Error(explainOutput(`openclaw config set ${path}`, result));
  }
}

/** Names the sections of the settings that the new version has and OpenClaw's own settings do not use yet. */
export async function listUnusedSettings({ ok, skipped }: FindingReport, context: StepContext): Promise<Finding> {
  const { stdout } = await context.openclaw("config", "schema");
  const schema = findAnswer(schemaSchema, stdout);
  if (!schema) return skipped`this version does not describe its settings`;
  const used = new Set(Object.keys(Object(await readOpenclawSettings(context))));
  const unused = Object.keys(schema.properties).filter((name) => /^\w+$/.test(name) && !used.has(name));
  return ok`${unused.join(", ") || "none"}; \`openclaw config schema\` describes them`;
}
