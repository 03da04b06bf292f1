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
import { requireSuccess } from "../node/programs.ts";
import type { StepContext, UpgradeSettings } from "./upgrade-driver.ts";

const policySchema = z.looseObject({ dmPolicy: z.string().optional(), allowFrom: z.array(z.unknown()).optional() });

const telegramSchema = policySchema.extend({ accounts: z.record(z.string(), policySchema).default({}) }).optional();

const SECRET_NAME = /token|secret|passw|key|auth|credential/i;

/**
 * Reads OpenClaw's settings with the files they include. Throws an Error for people, which quotes nothing of them.
 * Their secrets are noted for reports.
 */
export async function readOpenclawSettings(context: StepContext): Promise<unknown> {
  const loaded = await loadOpenclawConfig({
    path: posix.join(context.settings.state, "openclaw.json"),
    isConfigured: true,
    async read(path) {
      const result = await context.exec("cat", "--", path);
      return /No such file/.test(result.stderr) ? undefined : requireSuccess("cat", result);
    },
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
 * Checks who may write to the agents in Telegram, for the channel and for each account that has its own policy. With
 * the policy `allowlist` and nobody on the list, 2026.2 refuses its settings and 2026.9 drops every message without a
 * word.
 */
export function checkDirectMessages(config: unknown): Finding[] {
  const { ok, warning, failed } = createReport("direct messages");
  const { success, data: telegram } = telegramSchema.safeParse(readPath(config, "channels.telegram"));
  if (!success) return [failed`channels.telegram in OpenClaw's settings is not valid → Fix dmPolicy and allowFrom.`];
  if (!telegram) return [ok`OpenClaw has no Telegram channel`];
  const { accounts, ...channel } = telegram;
  const policies = Object.entries(accounts).map(([name, account]) => {
    return { ...channel, ...account, place: `account ${cleanLine(name, 40)}: ` };
  });
  // Without a policy of its own the channel has only those of its accounts.
  if (policies.length === 0 || channel.dmPolicy !== undefined) policies.unshift({ ...channel, place: "" });
  return policies.map(({ place, dmPolicy = "pairing", allowFrom = [] }) => {
    const todo = 'Set dmPolicy of channels.telegram to "allowlist", with the numbers of your users in allowFrom.';
    if (dmPolicy === "disabled") return ok`${place}policy disabled`;
    if (dmPolicy === "open" || (dmPolicy === "allowlist" && allowFrom.includes("*")))
      return failed`${place}everyone may write to the agents → ${todo}`;
    if (dmPolicy !== "allowlist")
      return warning`${place}policy ${cleanLine(dmPolicy, 40)} without an allow-list: strangers can ask to be paired
        → ${todo}`;
    if (allowFrom.length > 0) return ok`${place}an allow-list of ${allowFrom.length}`;
    return failed`${place}the allow-list is empty, so nobody can write to the agents → ${todo}`;
  });
}

/**
 * Limits how many spawned agents run at once (the rest queues), for how long, and what each sandbox may use. OpenClaw
 * has no default of its own for the last three. They are set with the pinned version's own command, while its gateway
 * runs. Throws when it refuses one.
 */
export async function applyLimits(context: StepContext): Promise<{ changes: number; findings: Finding[] }> {
  const { openclaw, settings } = context;
  const { ok, skipped } = createReport("limits");
  if (settings.limits === null)
    return { changes: 0, findings: [skipped`"limits" is null in the settings of upgrades`] };
  const { agents, memory, cpus, minutes } = settings.limits;
  const limits = Object.entries({
    "subagents.maxConcurrent": agents,
    "subagents.runTimeoutSeconds": minutes * 60,
    "sandbox.docker.memory": memory,
    "sandbox.docker.cpus": cpus,
  });
  const config = await readOpenclawSettings(context);
  const changes = limits.filter(([name, value]) => readPath(config, `agents.defaults.${name}`) !== value);
  for (const [name, value] of changes) {
    const command = ["config", "set", `agents.defaults.${name}`, JSON.stringify(value)];
    requireSuccess(`openclaw config set agents.defaults.${name}`, await openclaw(...command));
  }
  const mode = readPath(config, "agents.defaults.sandbox.mode");
  // 2026.2 has agents in a list, 2026.9 has entries as well.
  const list = Object.values(Object(readPath(config, "agents.list"))).map((agent) => [readPath(agent, "id"), agent]);
  const own = [...list, ...Object.entries(Object(readPath(config, "agents.entries")))];
  const isExempt = (agent: unknown) =>
    limits.some(([name, value]) => readPath(agent, name) !== undefined && readPath(agent, name) !== value);
  const exempt = own.flatMap(([id, agent]) => (isExempt(agent) ? [cleanLine(String(id), 60)] : []));
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

/** Names the sections of the settings that the new version has and OpenClaw's own settings do not use yet. */
export async function listUnusedSettings({ ok, skipped }: FindingReport, context: StepContext): Promise<Finding> {
  const { stdout } = await context.openclaw("config", "schema");
  const schema = findAnswer(z.object({ properties: z.record(z.string(), z.unknown()) }), stdout);
  if (!schema) return skipped`this version does not describe its settings`;
  const used = new Set(Object.keys(Object(await readOpenclawSettings(context))));
  const unused = Object.keys(schema.properties).filter((name) => /^\w+$/.test(name) && !used.has(name));
  return ok`${unused.join(", ") || "none"}; \`openclaw config schema\` describes them`;
}
