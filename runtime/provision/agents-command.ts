/**
 * The command `groundcrew agents`: adds one agent or takes it back, in the settings file, in Plane and in OpenClaw's
 * settings, with the plan and the confirmation of provision.
 */

import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { ProvisionStep } from "../../functions/provision/step.ts";
import { createAddSteps, createRemoveSteps } from "../../functions/provision/steps/provision-steps.ts";
import { DEFAULT_SECRETS_FILE } from "../../shared/config/environment.ts";
import type { ProvisionSettings } from "../../shared/config/provision-settings.ts";
import { toPathBesideSecrets } from "../../shared/config/secrets.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { tryParseJson } from "../../shared/text.ts";
import { parseCommandInput } from "../cli/options.ts";
import { CommandError, createUsageError, EXIT, formatForTerminal } from "../cli/output.ts";
import { type ProvisionEnvironment, reportRefusal, runProvision } from "./run-provision.ts";

export const AGENTS_HELP = `groundcrew agents add <name> --email <address> [--openclaw | --webhook <url>] [options]
groundcrew agents remove <name>

add does what provision does for one agent: its account and API key in Plane, its projects, its bridge token, its profile in
OpenClaw's settings, and its entry in the settings file. remove names its open tasks and takes all of it back; the account
leaves the workspace and stays the author of its comments.
Both show a plan and ask; they need the settings of \`groundcrew provision\`, such as PLANE_ADMIN_EMAIL.

  --email     address of the agent's account in Plane
  --openclaw  OpenClaw wakes it
  --webhook   it is woken by a signed post to this address
  --gateway   with --openclaw: the address of a gateway of its own
  --shell     it may run commands, in OpenClaw's sandbox or in a gateway of its own
  --about     what it is good at, for the Concierge
  --role      concierge or worker (default)
  --dry-run   print the plan and change nothing
  --yes       do not ask for confirmation
  --json      print the result as JSON, with the number of changes

Exit codes: ${EXIT.done} success, ${EXIT.failed} a step failed or the plan was not confirmed, ${EXIT.usage} wrong command, ${EXIT.config} invalid settings.
`;

const flag = z.boolean().default(false);

const sharedOptions = { name: z.string().trim(), "dry-run": flag, yes: flag, json: flag };

const OPTIONS = {
  add: z.object({
    ...sharedOptions,
    ...{ email: z.string(), openclaw: flag, webhook: z.string().optional(), gateway: z.string().optional() },
    ...{ shell: flag, about: z.string().optional() },
    role: z.enum(["concierge", "worker"]).optional(),
  }),
  remove: z.object(sharedOptions),
};

type AddOptions = z.output<typeof OPTIONS.add>;

/** The settings file as it is written; all but the names and addresses of agents is kept as it is. */
const rawSettingsSchema = z.looseObject({
  agents: z.array(z.looseObject({ name: z.string(), email: z.string(), role: z.string().optional() })).default([]),
});

interface SettingsOnDisk {
  path: string;
  settings: z.output<typeof rawSettingsSchema>;
}

/** Runs `groundcrew agents` with these arguments and returns its exit code. */
export async function runAgents(args: readonly string[], world: ProvisionEnvironment): Promise<number> {
  const [command = "--help", ...rest] = args;
  if (args.includes("--help") || args.includes("-h") || command === "help") {
    world.out(formatForTerminal(AGENTS_HELP));
    return EXIT.done;
  }
  try {
    if (command !== "add" && command !== "remove") throw createUsageError("agents: add or remove. See --help.");
    const naming = { name: `groundcrew agents ${command}`, unnamed: ["name"] };
    const options = parseCommandInput(OPTIONS[command], rest, naming);
    const file = readSettings(world);
    return await ("email" in options ? addAgent(options, file, world) : removeAgent(options, file, world));
  } catch (thrown) {
    return reportRefusal(thrown, args, world, "groundcrew: ");
  }
}

function addAgent(options: AddOptions, { path, settings }: SettingsOnDisk, world: ProvisionEnvironment) {
  const { name, email } = options;
  const known = settings.agents.find((agent) => isSameName(agent.name, name));
  if (known && known.email.toLowerCase() !== email.toLowerCase())
    throw createUsageError(`agents: ${known.name} exists already, as ${known.email}.`);
  if (options.openclaw && options.webhook !== undefined)
    throw createUsageError("agents: --openclaw and --webhook cannot be combined.");
  if (options.gateway !== undefined && !options.openclaw) throw createUsageError("agents: --gateway needs --openclaw.");
  // An interrupted run has written it already: the rest follows.
  const agents = known ? settings.agents : [...settings.agents, createEntry(options)];
  return runSteps(options, { path, settings: { ...settings, agents } }, world, (provisioned, file) => {
    const agent = provisioned.agents.find((one) => isSameName(one.name, name));
    return agent && createAddSteps(agent, file);
  });
}

/** The agent's entry in the settings file. */
function createEntry({ name, email, role, about, shell, openclaw, webhook, gateway }: AddOptions) {
  const secret = `whsec_${randomBytes(24).toString("base64")}`;
  const wake = webhook
    ? { kind: "webhook", url: webhook, secret }
    : openclaw && (gateway ? { kind: "openclaw", url: gateway } : "openclaw");
  return { name, email, ...omitUndefined({ role, about, shell: shell || undefined, wake: wake || undefined }) };
}

function removeAgent(options: z.output<typeof OPTIONS.remove>, file: SettingsOnDisk, world: ProvisionEnvironment) {
  const { path, settings } = file;
  const removed = settings.agents.find(({ name }) => isSameName(name, options.name));
  if (!removed) throw createUsageError(`agents: no agent of ${path} is called ${options.name.slice(0, 40)}.`);
  const agents = settings.agents.filter((agent) => agent !== removed);
  if (removed.role === "concierge" && !agents.some(({ role }) => role === "concierge"))
    throw createUsageError(
      `agents: ${removed.name} is the only Concierge, whose account Groundcrew uses. Add another first.`,
    );
  const agent = { name: removed.name, email: removed.email, shell: false, wake: { kind: "none" } } as const;
  return runSteps(options, { path, settings: { ...settings, agents } }, world, (provisioned, next) =>
    createRemoveSteps(provisioned, agent, next),
  );
}

/** The settings file, also one that does not exist yet. */
function readSettings({ env: ownEnv, files }: ProvisionEnvironment): SettingsOnDisk {
  const { env } = readSettingsParts(ownEnv, files);
  const path =
    env["GROUNDCREW_CONFIG"] ?? toPathBesideSecrets(env["SECRETS_FILE"] ?? DEFAULT_SECRETS_FILE, "groundcrew.json");
  const { data: settings } = rawSettingsSchema.safeParse(tryParseJson(files.read(path)?.text ?? "{}"));
  if (!settings)
    throw new CommandError(EXIT.config, `agents: ${path} is not a valid settings file: see \`groundcrew doctor\`.`);
  return { path, settings };
}

/** Runs steps of provision as if the settings file were already as wanted; one of the steps writes it. */
function runSteps(
  options: Pick<AddOptions, "dry-run" | "yes" | "json">,
  { path, settings }: SettingsOnDisk,
  world: ProvisionEnvironment,
  choose: (provisioned: ProvisionSettings, file: { path: string; text: string }) => ProvisionStep[] | undefined,
): Promise<number> {
  const current = world.files.read(path)?.text ?? "";
  // A file that has all of it already keeps its form.
  const isSame = JSON.stringify(rawSettingsSchema.safeParse(tryParseJson(current)).data) === JSON.stringify(settings);
  const text = isSame ? current : `${JSON.stringify(settings, null, 2)}\n`;
  const read: ProvisionEnvironment["files"]["read"] = (name) => {
    const found = world.files.read(name);
    return name === path ? { mode: 0o600, ...found, text } : found;
  };
  const flags = (["dry-run", "yes", "json"] as const).flatMap((name) => (options[name] ? [`--${name}`] : []));
  return runProvision(
    [...flags, "--keep-sample-project"],
    { ...world, files: { ...world.files, read } },
    (_, provisioned) => choose(provisioned, { path, text }),
  );
}

const isSameName = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
