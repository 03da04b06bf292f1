/**
 * The limits of agents that agents start: newer versions set them differently, so an upgrade sets them as the settings
 * say.
 */

import { z } from "zod";
import { collectFindings, createReport, type Finding } from "../../functions/doctor/findings.ts";
import { cleanLine } from "../../shared/text.ts";
import { explainOutput } from "./openclaw-answers.ts";
import { runOpenclaw, type SpawnLimits, type StepContext } from "./upgrade-driver.ts";

/** OpenClaw's settings that hold a limit, in the defaults or those of one agent. */
const LIMITS: Record<string, (limits: SpawnLimits) => number | string> = {
  "subagents.maxConcurrent": ({ agents }) => agents,
  "subagents.runTimeoutSeconds": ({ minutes }) => minutes * 60,
  "sandbox.docker.memory": ({ memory }) => memory,
  "sandbox.docker.cpus": ({ cpus }) => cpus,
};

const agentSchema = z.looseObject({ id: z.string().optional() });

const configSchema = z.looseObject({
  agents: z
    .looseObject({
      defaults: z.unknown(),
      // 2026.2 has a list, 2026.9 has entries by id as well.
      list: z.array(agentSchema).optional(),
      entries: z.record(z.string(), agentSchema).optional(),
    })
    .partial()
    .optional(),
});

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

function readAgents(config: unknown) {
  return configSchema.safeParse(config).data?.agents ?? {};
}

/** The value at a path such as `sandbox.mode`; undefined where there is none. */
function readSetting(settings: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => z.looseObject({}).safeParse(value).data?.[name], settings);
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
  const { list = [], entries = {} } = readAgents(config);
  const agents = [...list.map((agent) => [agent.id ?? "", agent] as const), ...Object.entries(entries)];
  const isExempt = (agent: unknown) =>
    Object.entries(LIMITS).some(([path, toValue]) => {
      const own = readSetting(agent, path);
      return own !== undefined && own !== toValue(limits);
    });
  return agents.flatMap(([id, agent]) => (isExempt(agent) ? [cleanLine(id, 60)] : []));
}
