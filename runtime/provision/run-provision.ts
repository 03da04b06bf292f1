/**
 * The command provision: its options, the plan and the question before anything changes, the run of the steps, what it
 * prints, and its exit code.
 */

import { parseArgs } from "node:util";
import {
  createProvisionContext,
  type ProvisionContext,
  type ProvisionDeps,
  type SetUpTelegram,
} from "../../functions/provision/context.ts";
import { type Disk, getBridgeTokenPath, getBridgeTokenSetting } from "../../functions/provision/files.ts";
import { type ProvisionReport, type ProvisionStep, runSteps, type StepResult } from "../../functions/provision/step.ts";
import { createProvisionSteps, listRotationTargets } from "../../functions/provision/steps/provision-steps.ts";
import { findRemovableSample } from "../../functions/provision/steps/sample-project.ts";
import { REGISTERED_WEBHOOK_KEY, setUpBot } from "../../functions/telegram/updates/receive-updates.ts";
import { type ProvisionSettings, parseProvisionSettings } from "../../shared/config/provision-settings.ts";
import {
  getConnectionPath,
  PROVISION_LOCK_FILE,
  type SettingsFiles,
  toPathBesideSecrets,
} from "../../shared/config/secrets.ts";
import { formatSettingProblems } from "../../shared/config/setting-problem.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { createLog } from "../../shared/log.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { findNearestName } from "../../shared/names.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { createTelegramBot, type TelegramBot } from "../../shared/telegram/bot.ts";
import { cleanLine } from "../../shared/text.ts";
import { CommandError, createUsageError, EXIT, formatForTerminal, formatJsonLine } from "../cli/output.ts";
import { quoteForShell } from "../node/programs.ts";
import { createMemoryStore } from "../stores/sqlite-store.ts";
import type { ProvisionLock } from "./provision-disk.ts";

export interface ProvisionEnvironment
  extends Pick<ProvisionDeps, "disk" | "fetch" | "clock" | "wait" | "newSecret" | "show" | "skill"> {
  env: Record<string, string | undefined>;
  files: SettingsFiles;
  /**
   * Acquires the lock at this path, which excludes other provision runs. Throws a GroundcrewError when one is running.
   */
  lock: (path: string) => Promise<ProvisionLock>;
  out: (text: string) => void;
  err: (text: string) => void;
  /** Asks a person to confirm; absent without a terminal. */
  confirm?: (question: string) => Promise<boolean>;
}

/** A command line that cannot be parsed; people then read all options. */
class OptionError extends CommandError {}

type ProvisionOptions = ReturnType<typeof parseProvisionOptions>;

/** Limit of a question, in UTF-16 units: it contains the name of a project in Plane. */
const MAX_QUESTION_LENGTH = 400;

const flag = { type: "boolean", default: false } as const;

const OPTIONS = {
  ...{ "dry-run": flag, yes: { ...flag, short: "y" }, json: flag, "print-env": flag, help: { ...flag, short: "h" } },
  /** An agent's name, `groundcrew`, `webhook` or `all`. */
  rotate: { type: "string" },
  ...{ retire: flag, "remove-sample-project": flag, "keep-sample-project": flag },
  wait: { type: "string", default: "300" },
} as const;

const OPTION_NAMES = Object.entries(OPTIONS).flatMap(([name, option]) =>
  "short" in option ? [`--${name}`, `-${option.short}`] : [`--${name}`],
);

/** Options that exclude each other, and the reason where it is not obvious. */
const EXCLUSIVE_OPTIONS = [
  ["rotate", "retire", ""],
  ["json", "print-env", ": both print to standard output"],
  ["remove-sample-project", "keep-sample-project", ""],
] as const;

const STATUS_VERB = { created: "create", changed: "change", unchanged: "", failed: "failed" };

const SKIPPED = /^skipped because these steps failed: /;

export const PROVISION_USAGE = `npm run provision -- [options]

Provisions Plane, new or in use, as the settings say: accounts, API keys, the webhook, the first project, bridge tokens.
A second run changes nothing. Requires PLANE_URL, PLANE_WORKSPACE and PLANE_ADMIN_EMAIL; .env.example has all settings.

  --dry-run        print the plan and change nothing
  --yes            do not ask for confirmation
  --json           print {steps: [{name, status, detail}], changed, settings}, with error: {code, message} if it
                   could not start (progress goes to standard error)
  --print-env      print the secrets as NAME=value lines at the end, to keep them elsewhere
  --rotate <what>  rotate the secrets of <agent>, groundcrew, webhook or all; the old ones stay valid
  --retire         revoke the old secrets that --rotate left valid
  --remove-sample-project
                   remove the sample project that Plane adds to a new workspace, if nobody has changed it
  --keep-sample-project
                   keep it, and do not ask
  --wait <s>       seconds to wait for Plane to start (default 300)

With --json and --print-env use \`npm run --silent provision -- …\`, or npm's own lines precede the output.

Exit codes: 0 success, 1 a step failed or the plan was not confirmed, 2 wrong command, 78 invalid settings.
`;

/** Runs `provision` with these arguments and returns its exit code. `chooseSteps`: other steps than the whole. */
export async function runProvision(
  args: readonly string[],
  world: ProvisionEnvironment,
  chooseSteps: typeof createProvisionSteps = createProvisionSteps,
): Promise<number> {
  try {
    return await provision(args, world, chooseSteps);
  } catch (thrown) {
    return reportRefusal(thrown, args, world);
  }
}

/** Says why nothing was done, in words, and returns the exit code that says so. */
export function reportRefusal(
  thrown: unknown,
  args: readonly string[],
  { out, err }: ProvisionEnvironment,
  prefix = "",
): number {
  const isKnown = thrown instanceof GroundcrewError;
  const details = { code: isKnown ? thrown.code : "internal" };
  const exit = isKnown && thrown.code === "bad_request" ? EXIT.config : EXIT.failed;
  const refusal =
    thrown instanceof CommandError ? thrown : new CommandError(exit, `provision: ${getErrorMessage(thrown)}`, details);
  err(formatForTerminal(prefix + refusal.message) + (thrown instanceof OptionError ? `\n${PROVISION_USAGE}` : ""));
  // A command line that cannot be parsed may still ask for JSON.
  if (args.includes("--json")) out(formatRefusal(refusal.code, refusal.message));
  return refusal.exit;
}

async function provision(
  args: readonly string[],
  world: ProvisionEnvironment,
  chooseSteps: typeof createProvisionSteps,
): Promise<number> {
  const options = parseProvisionOptions(args);
  if (options.help) {
    world.out(PROVISION_USAGE);
    return EXIT.done;
  }
  const parsed = parseProvisionSettings(world.env, world.files);
  if (!parsed.ok) {
    const { problems } = parsed;
    const count = problems.length === 1 ? "1 setting is invalid" : `${problems.length} settings are invalid`;
    const text = `${formatSettingProblems(problems)}\n.env.example explains each setting.`;
    throw new CommandError(EXIT.config, `Nothing was provisioned: ${count}.\n\n${text}`, { code: "settings" });
  }
  const { settings } = parsed;
  const steps = chooseSteps(options, settings);
  if (!steps)
    throw createUsageError(`provision: --rotate requires one of ${listRotationTargets(settings).join(", ")}.`);
  const lockPath = toPathBesideSecrets(settings.secretsFile, PROVISION_LOCK_FILE);
  const lock = options["dry-run"] ? undefined : await world.lock(lockPath);
  try {
    const context = await createProvisionContext({
      ...world,
      disk: lock ? guardWrites(world.disk, lock, lockPath) : world.disk,
      settings,
      store: createMemoryStore({ clock: world.clock }),
      startupTimeout: Number(options.wait) * 1000,
      removeSampleProject: options["remove-sample-project"],
      progress: (line) => world.err(formatForTerminal(line)),
      ...omitUndefined({ telegram: settings.telegram && createTelegramSetUp(settings.telegram, world) }),
    });
    return await planAndApply(context, steps, options, world);
  } finally {
    lock?.release();
  }
}

/** The options. The error in them never repeats a value, which may be a secret. */
function parseProvisionOptions(args: readonly string[]) {
  const { values } = parseStrictly(args);
  if (!/^\d{1,5}$/.test(values.wait))
    throw new OptionError(EXIT.usage, "provision: --wait requires a number of seconds.");
  for (const [one, other, reason] of EXCLUSIVE_OPTIONS) {
    if (values[one] && values[other])
      throw new OptionError(EXIT.usage, `provision: --${one} and --${other} cannot be combined${reason}.`);
  }
  return values;
}

function parseStrictly(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS });
  } catch {
    const unknown = args.map((arg) => arg.replace(/=.*$/s, "")).find((name) => !OPTION_NAMES.includes(name));
    const shown = unknown?.startsWith("-") === false ? "An argument without --" : unknown?.slice(0, 40);
    const nearest = unknown?.startsWith("-") ? findNearestName(unknown, OPTION_NAMES) : undefined;
    const hint = nearest === undefined ? "" : ` Did you mean ${nearest}?`;
    const problem = `${shown ?? "An option"} is unknown, or its value is missing.${hint}`;
    throw new OptionError(EXIT.usage, `provision: ${problem} Never pass secrets on the command line.`);
  }
}

const formatRefusal = (code: string, message: string) =>
  formatJsonLine({ steps: [], changed: 0, error: { code, message } });

/** Refuses writes after the lock was lost, because another run may then write the same files. */
function guardWrites(disk: Disk, lock: ProvisionLock, lockPath: string): Disk {
  return {
    read: (...args) => disk.read(...args),
    async write(...args) {
      if (!lock.isHeld())
        throw new GroundcrewError(
          "conflict",
          `${lockPath} was removed or replaced while provision was running, so another run may write the same files; ${args[0]} was not written. Wait until no provision is running and run the same command again.`,
        );
      await disk.write(...args);
    },
  };
}

/**
 * Runs the runtime's set-up of the bot, with a bot that records its changes and in a plan makes none. The hash of the
 * last registration comes from provision's own file, because the runtime's store is not opened.
 */
function createTelegramSetUp(settings: Settings, world: ProvisionEnvironment): SetUpTelegram | undefined {
  const { fetch, clock, wait } = world;
  const { telegram } = settings;
  if (!telegram) return undefined;
  return async (apply, mark) => {
    const bot = createTelegramBot({ ...telegram, fetch, metrics: noMetrics });
    const changes: string[] = [];
    const countingBot: TelegramBot = {
      ...bot,
      async setCommands(language, commands, scope) {
        changes.push(`commands${language ? ` in ${language}` : ""}`);
        return apply ? bot.setCommands(language, commands, scope) : { kind: "done" };
      },
      async setWebhook(url, secret) {
        changes.push(url === "" ? "remove the webhook (updates are polled)" : `webhook ${url}`);
        return apply ? bot.setWebhook(url, secret) : { kind: "done" };
      },
    };
    const store = createMemoryStore({ clock });
    if (mark !== undefined) await store.commit({ put: [{ key: REGISTERED_WEBHOOK_KEY, value: { mark } }] });
    const log = createLog({ level: "error", write: () => {}, clock });
    const { signal: stopping } = new AbortController();
    const failed = await setUpBot({ settings, store, telegram: countingBot, log, wait, stopping });
    const [registration] = await store.read<{ mark: string }>([REGISTERED_WEBHOOK_KEY]);
    return { changes, ...omitUndefined({ failed, mark: registration?.value.mark }) };
  };
}

async function planAndApply(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
  options: ProvisionOptions,
  { confirm, out, err }: ProvisionEnvironment,
): Promise<number> {
  const { settings } = context;
  // With --json and --print-env standard output is for programs, so texts for people go to standard error.
  const writeText = (text: string) => (options.json || options["print-env"] ? err : out)(formatForTerminal(text));
  const planned = await runSteps(context, steps, false);
  const isNothingToDo = planned.changed === 0 || options["dry-run"];
  const needsConfirmation = !isNothingToDo && !options.yes;
  if (!options.json || needsConfirmation) writeText(renderPlan(planned, settings));
  if (needsConfirmation) {
    if (!(await confirm?.(`Apply this plan to ${settings.plane.url}?`))) {
      const reason = confirm
        ? "the plan was not confirmed."
        : "confirmation requires a terminal. Review the plan with --dry-run, then add --yes.";
      writeText(`Nothing was done: ${reason}`);
      if (options.json) out(formatRefusal("unconfirmed", `Nothing was done: ${reason}`));
      return EXIT.failed;
    }
    if (isSampleUndecided(options)) context.removeSampleProject = await askToRemoveSample(context, confirm);
  }
  const report = isNothingToDo ? planned : await runSteps(context, steps, true);
  // A run that failed may have lost its lock or its folder; the next one notes the names.
  if (!options["dry-run"] && report.failed === 0) await storeSeenNames(context);
  if (options.json)
    out(formatJsonLine({ steps: report.steps, changed: report.changed, settings: listSettingsInUse(settings) }));
  else if (!isNothingToDo) writeText(renderResult(report, settings));
  if (options["print-env"] && !options["dry-run"]) out(formatEnvironmentFile(context.vault.listEntries()));
  return report.failed > 0 ? EXIT.failed : EXIT.done;
}

/** Notes what states and labels are called today, so that a later run recognizes those that people have renamed. */
async function storeSeenNames({ vault, seenNames }: ProvisionContext): Promise<void> {
  const { names } = vault.getNotes();
  if ([...seenNames].some(([id, name]) => names[id] !== name))
    await vault.updateNotes({ names: { ...names, ...Object.fromEntries(seenNames) } });
}

/** Whether this run provisions, and its options do not say what becomes of Plane's own sample project. */
const isSampleUndecided = ({ rotate, retire, ...options }: ProvisionOptions) =>
  rotate === undefined && !retire && !options["remove-sample-project"] && !options["keep-sample-project"];

/** Offers to remove Plane's own sample project, if there is or will be one. */
async function askToRemoveSample(context: ProvisionContext, confirm: ProvisionEnvironment["confirm"]) {
  const label = (await findRemovableSample(context))?.label;
  if (label === undefined || !confirm) return false;
  const question = `Also remove Plane's own sample project, ${label}, if nobody has changed it?`;
  return confirm(context.redact(cleanLine(question, MAX_QUESTION_LENGTH)));
}

/**
 * The settings that decide what provision creates, by name: most have a default that nobody has seen before it is used.
 */
function listSettingsInUse(settings: ProvisionSettings) {
  const { language, timezone, project, agents, locale, address } = settings;
  return {
    "provision.language": language,
    "provision.timezone": timezone,
    "provision.project": project === false ? "none" : `${project.name} (${project.identifier})`,
    agents: agents.map(({ name, email }) => `${name} <${email}>`).join(", "),
    LOCALE: locale,
    "HOST, PORT or PUBLIC_URL": address,
  };
}

/** The plan, for people. */
function renderPlan({ steps, changed, failed }: ProvisionReport, settings: ProvisionSettings): string {
  const { url, workspace } = settings.plane;
  const pending = steps.filter(({ status }) => status !== "unchanged");
  const notes = steps.filter(
    ({ status, detail }) => status === "unchanged" && /left unchanged|: copy|polling|no relations/.test(detail),
  );
  const noteLines = notes.map(({ name, detail }) => `  note    ${name}: ${detail}`);
  if (changed === 0 && failed === 0)
    return [`Nothing to do: all ${steps.length} steps are up to date.`, ...noteLines].join("\n");
  const counts = `${changed} to do, ${failed} failed, ${steps.length - pending.length} up to date.`;
  const uses = changed > 0 ? renderSettingsInUse(settings) : [];
  return [`${url}, workspace ${workspace}: ${counts}`, ...renderSteps(pending), ...noteLines, ...uses].join("\n");
}

/** A line for each step, and one for those that were skipped, so that they do not hide the actual failures. */
function renderSteps(steps: readonly StepResult[]): string[] {
  const attempted = steps.filter(({ detail }) => !SKIPPED.test(detail));
  const lines = attempted.map(({ name, status, detail }) => `  ${STATUS_VERB[status].padEnd(7)} ${name}: ${detail}`);
  const skipped = steps.length - attempted.length;
  const count = skipped === 1 ? "1 step" : `${skipped} steps`;
  return skipped === 0 ? lines : [...lines, `  skipped ${count} because of these failures (--json lists them)`];
}

/** The settings in use for people, who read them before they confirm. */
function renderSettingsInUse(settings: ProvisionSettings): string[] {
  const { language, timezone, locale, address } = settings;
  const { agents, "provision.project": project } = listSettingsInUse(settings);
  const lines = [
    `language ${language} for accounts of people, sample tasks and default personas (provision.language)`,
    `language ${locale} for messages and comments (LOCALE)`,
    `time zone ${timezone} (provision.timezone), first project ${project} (provision.project)`,
    `agents: ${agents} (agents, provision.domain)`,
    `address ${address} (HOST, PORT or PUBLIC_URL)`,
  ];
  return lines.map((line) => `  uses    ${line}`);
}

/** The result of a run, for people. */
function renderResult({ steps, changed, failed }: ProvisionReport, settings: ProvisionSettings): string {
  const summary = `${changed} changed, ${steps.length - changed - failed} unchanged, ${failed} failed.`;
  if (failed > 0) {
    const failures = renderSteps(steps.filter(({ status }) => status === "failed"));
    const closing = "Fix the failures above and run the same command again: completed steps are not repeated.";
    return [...failures, summary, closing].join("\n");
  }
  const { secretsFile } = settings;
  const passwords = toPathBesideSecrets(secretsFile, "provision-secrets.json");
  const closing =
    `Groundcrew's secrets are in ${secretsFile}, the agents' own tokens in the folder agents next to it, and the ` +
    `passwords of created Plane accounts in ${passwords}. Start Groundcrew with \`npm start\`, also in a new shell: ` +
    `its settings are in ${getConnectionPath(secretsFile)}.`;
  return [summary, closing, ...renderConnections(settings)].join("\n");
}

/** How agents connect with the tokens that exist now: the paths of their files, never the tokens. */
function renderConnections({ agents, given, secretsFile, address }: ProvisionSettings): string[] {
  const agent = agents.find(({ name, role }) => role !== "concierge" && !given.has(getBridgeTokenSetting(name)));
  const openclaw = (name: string) => toPathBesideSecrets(secretsFile, `openclaw/${name}`);
  const lines = [
    `The page ${address} asks for ADMIN_TOKEN, which is in ${secretsFile}.`,
    `OpenClaw: ${openclaw("openclaw-2026.9.json")} or ${openclaw("openclaw-2026.2.json")}, which contain tokens; docs/agents.md says where they go.`,
  ];
  if (!agent) return lines;
  const path = quoteForShell(getBridgeTokenPath(secretsFile, agent.name));
  const command = `claude mcp add --transport http groundcrew ${address}/mcp --header "Authorization: Bearer $(cat ${path})"`;
  return [...lines, `Claude Code, as ${agent.name}: ${command}`];
}

/** Lines for an environment file. If a secret has several valid values, the first is the one to use. */
function formatEnvironmentFile(entries: readonly (readonly [string, readonly string[]])[]): string {
  const lines = entries.map(([name, values]) => {
    // The environment accepts only one value of an API key.
    const accepted = name.startsWith("PLANE_API_KEY") ? values.slice(0, 1) : values;
    return `${name}=${accepted.join(",")}\n`;
  });
  return lines.join("");
}
