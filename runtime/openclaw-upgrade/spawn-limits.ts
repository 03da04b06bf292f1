import { z } from "zod";
import { reportOk, reportWarning } from "../../functions/doctor/check.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { Deadline } from "./deadline.ts";
import { type Finding, reportSkipped } from "./finding.ts";
import { explainOutput } from "./parse-openclaw-answers.ts";
import type { UpgradeDriver } from "./upgrade-driver.ts";
import type { UpgradeSettings } from "./upgrade-settings.ts";

/** Timeout for one command of OpenClaw: 60 s. It loads all of OpenClaw first. */
const COMMAND_TIMEOUT: Ms = 60 * SECOND;

const defaultsSchema = z.looseObject({
  subagents: z.looseObject({ maxConcurrent: z.unknown(), runTimeoutSeconds: z.unknown() }).partial().optional(),
  sandbox: z
    .looseObject({ mode: z.unknown(), docker: z.looseObject({ memory: z.unknown(), cpus: z.unknown() }).partial() })
    .partial()
    .optional(),
});
const agentSchema = defaultsSchema.extend({ id: z.string().optional() });
const configSchema = z.looseObject({
  agents: z
    .looseObject({
      defaults: defaultsSchema.optional(),
      // 2026.2 has a list, 2026.9 has entries by id as well.
      list: z.array(agentSchema).optional(),
      entries: z.record(z.string(), agentSchema).optional(),
    })
    .optional(),
});

/** One of OpenClaw's own settings that differs from the wanted limit. */
export interface LimitChange {
  path: string;
  value: number | string;
}

/**
 * The settings to change so that spawned agents have these limits: how many run at once (the rest queues), for how long,
 * and what each sandbox may use. OpenClaw has no default of its own for the last three.
 */
export function planLimits(config: unknown, limits: NonNullable<UpgradeSettings["limits"]>): LimitChange[] {
  return listLimits(readDefaults(config), limits).flatMap(({ path, current, value }) =>
    current === value ? [] : [{ path: `agents.defaults.${path}`, value }],
  );
}

/** Each limit with what these settings, of the defaults or of one agent, have for it. */
function listLimits(
  { subagents, sandbox }: z.output<typeof defaultsSchema>,
  limits: NonNullable<UpgradeSettings["limits"]>,
): (LimitChange & { current: unknown })[] {
  return [
    { path: "subagents.maxConcurrent", current: subagents?.maxConcurrent, value: limits.agents },
    { path: "subagents.runTimeoutSeconds", current: subagents?.runTimeoutSeconds, value: limits.minutes * 60 },
    { path: "sandbox.docker.memory", current: sandbox?.docker?.memory, value: limits.memory },
    { path: "sandbox.docker.cpus", current: sandbox?.docker?.cpus, value: limits.cpus },
  ];
}

/** Sets the limits with the pinned version's own command, while its gateway runs. Throws when it refuses one. */
export async function applyLimits(
  driver: UpgradeDriver,
  config: unknown,
  limits: UpgradeSettings["limits"],
  deadline: Deadline,
): Promise<{ changes: number; findings: Finding[] }> {
  if (limits === null)
    return { changes: 0, findings: [reportSkipped("limits", '"limits" is null in the settings of upgrades')] };
  const changes = planLimits(config, limits);
  if (changes.length > 0) await setValues(driver, changes, deadline);
  const { agents, memory, cpus, minutes } = limits;
  const text = `${agents} agents at once, ${minutes} min each; sandboxes ${memory} and ${cpus} CPU`;
  const findings: Finding[] = [reportOk("limits", `${text}; ${changes.length} settings changed`)];
  const mode = readDefaults(config).sandbox?.mode;
  if (mode === undefined || mode === "off")
    findings.push(
      reportWarning(
        "sandbox",
        "agents.defaults.sandbox.mode is off, so memory and CPU of spawned agents are those of the gateway",
        'Set it to "non-main" or "all"; the number of agents and their time are limited in any case.',
      ),
    );
  const exempt = findExemptAgents(config, limits);
  if (exempt.length > 0)
    findings.push(
      reportWarning(
        "agents with limits of their own",
        exempt.join(", "),
        "Remove subagents and sandbox.docker of these agents from OpenClaw's settings, or lower them.",
      ),
    );
  return { changes: changes.length, findings };
}

/** The agents whose own settings replace a limit of the defaults by another value. */
export function findExemptAgents(config: unknown, limits: NonNullable<UpgradeSettings["limits"]>): string[] {
  const { list = [], entries = {} } = configSchema.safeParse(config).data?.agents ?? {};
  const agents = [...list.map((agent) => [agent.id ?? "", agent] as const), ...Object.entries(entries)];
  return agents.flatMap(([id, agent]) =>
    listLimits(agent, limits).some(({ current, value }) => current !== undefined && current !== value)
      ? [cleanLine(id, 60)]
      : [],
  );
}

/** 2026.9 sets all values with one command; 2026.2 needs one for each. */
async function setValues(driver: UpgradeDriver, changes: readonly LimitChange[], deadline: Deadline): Promise<void> {
  const set = (...args: string[]) =>
    driver.runOpenclaw(["config", "set", ...args], { timeout: deadline.remaining(COMMAND_TIMEOUT), running: true });
  const batch = await set("--batch-json", JSON.stringify(changes));
  if (batch.status === 0) return;
  if (!/unknown option|missing required argument/i.test(batch.stderr))
    throw new Error(explainOutput("openclaw config set", batch));
  for (const { path, value } of changes) {
    const result = await set(path, JSON.stringify(value));
    if (result.status !== 0) throw new Error(explainOutput(`openclaw config set ${path}`, result));
  }
}

function readDefaults(config: unknown): z.output<typeof defaultsSchema> {
  return configSchema.safeParse(config).data?.agents?.defaults ?? {};
}
