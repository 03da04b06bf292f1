import { resolve } from "node:path";
import { formatSettingProblems } from "../../shared/config/setting-problem.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { MINUTE } from "../../shared/time.ts";
import { wait } from "../../shared/wait.ts";
import { readKnownVersions } from "../node/known-versions.ts";
import { nodeFiles } from "../node/settings-files.ts";
import { createComposeDriver } from "../openclaw-upgrade/compose-driver.ts";
import { runWithDeadline } from "../openclaw-upgrade/deadline.ts";
import { hasFailure } from "../openclaw-upgrade/finding.ts";
import { createNpmDriver } from "../openclaw-upgrade/npm-driver.ts";
import { waitForGateway } from "../openclaw-upgrade/probe-gateway.ts";
import { openRecordFile } from "../openclaw-upgrade/record-file.ts";
import { redactCredentials } from "../openclaw-upgrade/redact-credentials.ts";
import {
  checkOnly,
  planRollback,
  planUpgrade,
  rollBackOpenclaw,
  type UpgradeOutcome,
  upgradeOpenclaw,
} from "../openclaw-upgrade/run-upgrade.ts";
import type { UpgradeContext } from "../openclaw-upgrade/upgrade-context.ts";
import { parseUpgradeSettings, type UpgradeSettings } from "../openclaw-upgrade/upgrade-settings.ts";
import { lockFolder } from "../runner/lock-folder.ts";
import { makePrivateFolder } from "../runner/session-folder.ts";
import { CommandError, EXIT } from "./command-error.ts";
import { type OpenclawOptions, parseOpenclawOptions } from "./openclaw-options.ts";
import { describeOpenclawOutcome, toOpenclawJson } from "./openclaw-output.ts";
import { formatForTerminal, formatJsonLine } from "./terminal-output.ts";

export const OPENCLAW_HELP = `groundcrew openclaw upgrade --from <version> --to <version> [--check | --dry-run] [--json]
groundcrew openclaw rollback [--dry-run] [--json]
groundcrew openclaw start | stop

Upgrades OpenClaw on this machine: checks, backup, pin, start, smoke test, report; rolls back by itself in less than two
minutes when something fails that worked before. The same command again continues an interrupted upgrade.

  --check       check the installation; change nothing
  --dry-run     show the steps; change nothing and run nothing
  --json        print the result as JSON, with the number of changes
  --config      settings file of upgrades (default: openclaw-upgrade.json in this folder)

rollback brings back the old version and its state, also after a completed upgrade: what OpenClaw wrote since then is lost.
start and stop are for the npm driver without a systemd unit.

Requires OPENCLAW_HOOK_TOKEN (hooks.token of OpenClaw), or OPENCLAW_HOOK_TOKEN_FILE, or SECRETS_FILE with it.

Exit codes: ${EXIT.done} success, ${EXIT.failed} failed or rolled back, ${EXIT.usage} wrong command, ${EXIT.later} another upgrade is running, ${EXIT.config} invalid settings.
`;

interface OpenclawHost {
  env: Record<string, string | undefined>;
  cwd: string;
  err: (text: string) => void;
}

/** Result of a command: what to print, and how to exit. */
interface CommandResult {
  output: string;
  exit: number;
}

/**
 * Runs `groundcrew openclaw …`. Throws a CommandError when nothing was begun; with `json` the error is the result, so
 * that standard output is one document of JSON in every case.
 */
export async function runOpenclawCommand(
  args: readonly string[],
  json: boolean,
  host: OpenclawHost,
): Promise<CommandResult> {
  if (!json) return executeOpenclaw(args, json, host);
  try {
    return await executeOpenclaw(args, json, host);
  } catch (thrown) {
    const { code, message, exit } =
      thrown instanceof CommandError ? thrown : new CommandError(EXIT.failed, getErrorMessage(thrown));
    host.err(formatForTerminal(`groundcrew: ${message}`));
    return { output: formatJsonLine({ state: "error", changed: 0, error: { code, message } }), exit };
  }
}

async function executeOpenclaw(
  args: readonly string[],
  json: boolean,
  { env, cwd, err }: OpenclawHost,
): Promise<CommandResult> {
  const options = parseOpenclawOptions(args);
  const settings = readUpgradeSettings(resolve(cwd, options.config));
  const context = createUpgradeContext(settings, env, (line) => err(formatForTerminal(redact(line))));
  // The files that are read on the way add secrets, and programs quote them in their errors.
  const redact = (text: string) =>
    redactCredentials(text, [context.hookToken, ...context.secrets, ...context.driver.listSecrets()]);
  try {
    const outcome = await executeWithLock(context, options);
    const exit = isSuccess(outcome, options) ? EXIT.done : EXIT.failed;
    if (!json) return { output: formatForTerminal(redact(describeOpenclawOutcome(outcome))), exit };
    const clean = (_name: string, value: unknown) => (typeof value === "string" ? redact(value) : value);
    return { output: formatJsonLine(toOpenclawJson(outcome, options.command), clean), exit };
  } catch (thrown) {
    if (thrown instanceof CommandError) throw thrown;
    const isSettings = thrown instanceof GroundcrewError && thrown.code === "bad_request";
    throw new CommandError(isSettings ? EXIT.config : EXIT.failed, redact(getErrorMessage(thrown)));
  }
}

function readUpgradeSettings(path: string): UpgradeSettings {
  const settings = parseUpgradeSettings(path, nodeFiles.read(path)?.text);
  if ("problems" in settings) throw new CommandError(EXIT.config, settings.problems.join("\n"));
  return settings;
}

function createUpgradeContext(
  settings: UpgradeSettings,
  env: OpenclawHost["env"],
  progress: (line: string) => void,
): UpgradeContext {
  const parts = readSettingsParts(env, nodeFiles);
  if (parts.problems.length > 0) throw new CommandError(EXIT.config, formatSettingProblems(parts.problems));
  const hookToken = parts.secrets.get("OPENCLAW_HOOK_TOKEN")?.[0];
  if (hookToken === undefined)
    throw new CommandError(
      EXIT.config,
      "OPENCLAW_HOOK_TOKEN is not set. Set it, or OPENCLAW_HOOK_TOKEN_FILE, to hooks.token of OpenClaw's settings.",
    );
  const deps = { clock: Date.now, wait };
  const driver =
    settings.driver === "compose" ? createComposeDriver(settings, env) : createNpmDriver(settings, env, deps);
  return {
    ...deps,
    driver,
    settings,
    hookToken,
    fetch,
    records: openRecordFile(settings.records),
    env: { PATH: env["PATH"] ?? "" },
    knownVersions: readKnownVersions().openclaw,
    secrets: [...parts.secrets.values()].flat(),
    progress,
  };
}

async function executeWithLock(context: UpgradeContext, options: OpenclawOptions): Promise<UpgradeOutcome> {
  const versions = { from: options.from ?? "", to: options.to ?? "" };
  if (options.check) return checkOnly(context, versions);
  if (options.dryRun) return options.command === "rollback" ? planRollback(context) : planUpgrade(context, versions);
  const unlock = await lockRecords(context.settings.records);
  try {
    if (options.command === "upgrade") return await upgradeOpenclaw(context, versions);
    if (options.command === "rollback") return await rollBackOpenclaw(context);
    return await manageGateway(context, options.command);
  } finally {
    unlock();
  }
}

async function lockRecords(folder: string): Promise<() => void> {
  makePrivateFolder(folder);
  const conflict = `Another upgrade or rollback with the records in ${folder} is running. Wait until it has ended.`;
  try {
    return await lockFolder(folder, { purpose: "openclaw", conflict });
  } catch (thrown) {
    throw new CommandError(EXIT.later, getErrorMessage(thrown));
  }
}

/** Starts or stops the gateway, for machines on which no systemd unit does. */
async function manageGateway(context: UpgradeContext, command: "start" | "stop"): Promise<UpgradeOutcome> {
  return runWithDeadline(5 * MINUTE, context, async (deadline) => {
    await context.driver[command](deadline.remaining(MINUTE));
    const findings = command === "start" ? [await waitForGateway(context, deadline)] : [];
    return { state: "checked", changed: 1, findings };
  });
}

function isSuccess({ state, findings }: UpgradeOutcome, { command }: OpenclawOptions): boolean {
  if (state === "checked") return !hasFailure(findings ?? []);
  if (state === "planned" || state === "nothing to do") return true;
  return command === "rollback" ? state === "rolled_back" || state === "refused" : state === "completed";
}
