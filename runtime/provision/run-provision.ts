import {
  createProvisionContext,
  type ProvisionContext,
  type ProvisionDeps,
} from "../../functions/provision/context.ts";
import { applyProvision, type ProvisionReport, planProvision } from "../../functions/provision/provision.ts";
import type { Disk } from "../../functions/provision/secrets-file.ts";
import type { ProvisionStep } from "../../functions/provision/step.ts";
import {
  createProvisionSteps,
  listRotationTargets,
  type ProvisionTask,
} from "../../functions/provision/steps/provision-steps.ts";
import { findRemovableSample } from "../../functions/provision/steps/sample-project.ts";
import { cleanLine } from "../../shared/clean-text.ts";
import { PROVISION_LOCK_FILE, toPathBesideSecrets } from "../../shared/config/provision-schema.ts";
import { type ProvisionSettings, parseProvisionSettings } from "../../shared/config/provision-settings.ts";
import type { SettingsFiles } from "../../shared/config/secrets.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { formatForTerminal, formatJsonLine } from "../cli/terminal-output.ts";
import { PROVISION_USAGE, type ProvisionOptions, parseProvisionOptions } from "./options.ts";
import type { ProvisionLock } from "./provision-lock.ts";
import {
  formatEnvironmentFile,
  formatProvisionProblems,
  listSettingsInUse,
  renderPlan,
  renderResult,
} from "./render-report.ts";
import { createTelegramSetUp } from "./telegram-set-up.ts";

/** Limit of a question, in UTF-16 units: it contains the name of a project in Plane. */
const MAX_QUESTION_LENGTH = 400;

const EXIT = { ok: 0, failed: 1, usage: 2, settings: 78 } as const;

export interface ProvisionEnvironment
  extends Omit<ProvisionDeps, "settings" | "progress" | "startupTimeout" | "telegram" | "removeSampleProject"> {
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

/** Runs `provision` with these arguments and returns its exit code. */
export async function runProvision(args: readonly string[], world: ProvisionEnvironment): Promise<number> {
  const { out } = world;
  const options = parseProvisionOptions(args);
  if ("error" in options) {
    // A command line that cannot be parsed may still ask for JSON.
    createRefuse({ json: args.includes("--json") }, world)(
      "usage",
      `provision: ${options.error}\n`,
      `\n${PROVISION_USAGE}`,
    );
    return EXIT.usage;
  }
  if (options.help) {
    out(PROVISION_USAGE);
    return EXIT.ok;
  }
  const refuse = createRefuse(options, world);
  const parsed = parseProvisionSettings(world.env, world.files);
  if (!parsed.ok) {
    refuse("settings", formatProvisionProblems(parsed.problems));
    return EXIT.settings;
  }
  const { settings } = parsed;
  const steps = createProvisionSteps(toProvisionTask(options), settings);
  if (!steps) {
    refuse("usage", `provision: --rotate requires one of ${listRotationTargets(settings).join(", ")}.\n`);
    return EXIT.usage;
  }
  try {
    const lockPath = toPathBesideSecrets(settings.secretsFile, PROVISION_LOCK_FILE);
    const lock = options.dryRun ? undefined : await world.lock(lockPath);
    try {
      const disk = lock ? guardWrites(world.disk, lock, lockPath) : world.disk;
      const context = await createRunContext(settings, options, { ...world, disk });
      return await planAndApply(context, steps, options, world);
    } finally {
      lock?.release();
    }
  } catch (thrown) {
    const code = thrown instanceof GroundcrewError ? thrown.code : "internal";
    refuse(code, formatForTerminal(`provision: ${getErrorMessage(thrown)}`));
    return thrown instanceof GroundcrewError && thrown.code === "bad_request" ? EXIT.settings : EXIT.failed;
  }
}

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

async function planAndApply(
  context: ProvisionContext,
  steps: readonly ProvisionStep[],
  options: ProvisionOptions,
  world: ProvisionEnvironment,
): Promise<number> {
  // With --json and --print-env standard output is for programs, so texts for people go to standard error.
  const writeText = (text: string) =>
    (options.json || options.printEnv ? world.err : world.out)(formatForTerminal(text));
  const refuse = createRefuse(options, { ...world, err: writeText });
  const planned = await planProvision(context, steps);
  const isNothingToDo = planned.changed === 0 || options.dryRun;
  const needsConfirmation = !isNothingToDo && !options.yes;
  if (!options.json || needsConfirmation) writeText(renderPlan(planned, context.settings));
  if (needsConfirmation) {
    if (!world.confirm) {
      const hint = "Review the plan with --dry-run, then add --yes.";
      refuse("unconfirmed", `Nothing was done: confirmation requires a terminal. ${hint}`);
      return EXIT.failed;
    }
    if (!(await world.confirm(`Apply this plan to ${context.settings.plane.url}?`))) {
      refuse("unconfirmed", "Nothing was done: the plan was not confirmed.");
      return EXIT.failed;
    }
  }
  if (needsConfirmation && options.removeSampleProject === undefined && isProvisioning(options))
    context.removeSampleProject = await askToRemoveSample(context, world);
  const report = isNothingToDo ? planned : await applyProvision(context, steps);
  if (options.json) {
    const settings = listSettingsInUse(context.settings);
    world.out(formatJsonLine({ steps: report.steps, changed: report.changed, settings }));
  }
  if (!options.json && !isNothingToDo) writeText(renderResult(report, context.settings));
  if (options.printEnv && !options.dryRun) world.out(formatEnvironmentFile(context.vault.listEntries()));
  return getExitCode(report);
}

const isProvisioning = ({ rotate, retire }: ProvisionOptions) => rotate === undefined && !retire;

/** Offers to remove Plane's own sample project, if there is or will be one. */
async function askToRemoveSample(context: ProvisionContext, { confirm }: ProvisionEnvironment): Promise<boolean> {
  const label = await findRemovableSample(context);
  if (label === undefined || !confirm) return false;
  return confirm(
    context.redact(
      cleanLine(`Also remove Plane's own sample project, ${label}, if nobody has changed it?`, MAX_QUESTION_LENGTH),
    ),
  );
}

/**
 * Creates the function that reports why nothing was done: to people, and with --json as JSON as well. `help` is printed
 * for people only.
 */
function createRefuse(
  { json }: Pick<ProvisionOptions, "json">,
  { out, err }: Pick<ProvisionEnvironment, "out" | "err">,
) {
  return (code: string, message: string, help = "") => {
    err(message + help);
    if (json) out(formatJsonLine({ steps: [], changed: 0, error: { code, message: message.trim() } }));
  };
}

function getExitCode({ failed }: ProvisionReport): number {
  return failed > 0 ? EXIT.failed : EXIT.ok;
}

function toProvisionTask({ rotate, retire }: ProvisionOptions): ProvisionTask {
  if (rotate !== undefined) return { kind: "rotate", target: rotate };
  return { kind: retire ? "retire" : "provision" };
}

async function createRunContext(
  settings: ProvisionSettings,
  { startupTimeout, removeSampleProject = false }: ProvisionOptions,
  world: ProvisionEnvironment,
): Promise<ProvisionContext> {
  const telegram = settings.telegram && createTelegramSetUp(settings.telegram, world);
  return createProvisionContext({
    ...world,
    settings,
    startupTimeout,
    removeSampleProject,
    progress: (line) => world.err(formatForTerminal(line)),
    ...omitUndefined({ telegram }),
  });
}
