/** The command `groundcrew openclaw`: its options, one run at a time, and its result as text or JSON. */

import { resolve } from "node:path";
import { z } from "zod";
import { hasFailure, renderFindingLines } from "../../functions/doctor/findings.ts";
import { isOlderOpenclaw, isOpenclawVersion } from "../../functions/doctor/openclaw.ts";
import { formatSettingProblems } from "../../shared/config/setting-problem.ts";
import { readSettingsParts } from "../../shared/config/settings.ts";
import { GroundcrewError, getErrorMessage } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/names.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { MINUTE, wait } from "../../shared/time.ts";
import { readKnownVersions } from "../doctor/openclaw-probe.ts";
import { lockFolder, makePrivateFolder, nodeFiles } from "../node/files.ts";
import { createComposeDriver } from "../openclaw-upgrade/compose-driver.ts";
import { createNpmDriver } from "../openclaw-upgrade/npm-driver.ts";
import { listInstallationSecrets } from "../openclaw-upgrade/openclaw-settings.ts";
import {
  checkUpgrade,
  rollBackOpenclaw,
  type UpgradeOutcome,
  upgradeOpenclaw,
} from "../openclaw-upgrade/run-upgrade.ts";
import { waitForGateway } from "../openclaw-upgrade/smoke-test.ts";
import {
  parseUpgradeSettings,
  runWithDeadline,
  type UpgradeContext,
  type UpgradeSettings,
} from "../openclaw-upgrade/upgrade-driver.ts";
import { openRecordFile, redactCredentials } from "../openclaw-upgrade/upgrade-record.ts";
import { type CliOptions, parseCommandInput } from "./options.ts";
import { CommandError, type CommandHost, createUsageError, EXIT, formatForTerminal, formatJsonLine } from "./output.ts";

interface CommandResult {
  output: string;
  exit: number;
}

const OPENCLAW_HELP = `groundcrew openclaw upgrade --from <version> --to <version> [--check | --dry-run] [--json]
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

const optionsSchema = z.object({
  from: z.string().optional(),
  to: z.string().optional(),
  check: z.boolean().default(false),
  "dry-run": z.boolean().default(false),
  /** By default the settings file's name in the working directory. */
  config: z.string().default("openclaw-upgrade.json"),
});

const commandSchema = z.enum(["upgrade", "rollback", "start", "stop"]);

const gatewayOptions = optionsSchema.pick({ config: true });

const OPTIONS = {
  upgrade: optionsSchema,
  rollback: optionsSchema.pick({ "dry-run": true, config: true }),
  ...{ start: gatewayOptions, stop: gatewayOptions },
};

interface OpenclawOptions extends z.output<typeof optionsSchema> {
  command: z.output<typeof commandSchema>;
}

export const openclawCommand = {
  help: OPENCLAW_HELP,
  run: ({ rest, json }: CliOptions, host: CommandHost) => runOpenclawCommand(rest, json, host),
};

/**
 * Runs `groundcrew openclaw …`. Throws a CommandError when nothing was begun; with `json` the error is the result, so
 * that standard output is one document of JSON in every case.
 */
async function runOpenclawCommand(args: readonly string[], json: boolean, host: CommandHost): Promise<CommandResult> {
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
  { env, cwd, err, status }: CommandHost,
): Promise<CommandResult> {
  const options = parseOpenclawOptions(args);
  const path = resolve(cwd, options.config);
  const settings = parseUpgradeSettings(path, nodeFiles.read(path)?.text);
  if ("problem" in settings) throw new CommandError(EXIT.config, settings.problem);
  const context = createUpgradeContext(settings, env, (line) => {
    err(formatForTerminal(redact(line)));
    status?.show("  working");
  });
  // The files that are read on the way add secrets, and programs quote them in their errors.
  const redact = (text: string) => redactCredentials(text, context.secrets);
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

function createUpgradeContext(
  settings: UpgradeSettings,
  env: CommandHost["env"],
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
  const driver = settings.driver === "compose" ? createComposeDriver(settings, env) : createNpmDriver(settings, env);
  return {
    ...{ clock: Date.now, wait },
    driver,
    settings,
    hookToken,
    fetch,
    records: openRecordFile(settings.records),
    knownVersions: readKnownVersions().openclaw,
    secrets: [...[...parts.secrets.values()].flat(), ...listInstallationSecrets(settings, env)],
    progress,
  };
}

async function executeWithLock(context: UpgradeContext, options: OpenclawOptions): Promise<UpgradeOutcome> {
  const versions = { from: options.from ?? "", to: options.to ?? "" };
  if (options.check) {
    const findings = await runWithDeadline(10 * MINUTE, context, (step) => checkUpgrade(step, versions));
    return { state: "checked", changed: 0, findings };
  }
  if (options["dry-run"])
    return options.command === "rollback" ? rollBackOpenclaw(context, true) : upgradeOpenclaw(context, versions, true);
  const { records } = context.settings;
  makePrivateFolder(records);
  const conflict = `Another upgrade or rollback with the records in ${records} is running. Wait until it has ended.`;
  const unlock = await lockFolder(records, { purpose: "openclaw", conflict }).catch((thrown: unknown) => {
    throw new CommandError(EXIT.later, getErrorMessage(thrown));
  });
  try {
    if (options.command === "upgrade") return await upgradeOpenclaw(context, versions);
    if (options.command === "rollback") return await rollBackOpenclaw(context);
    return await manageGateway(context, options.command);
  } finally {
    unlock();
  }
}

/** Starts or stops the gateway, for machines on which no systemd unit does. */
async function manageGateway(context: UpgradeContext, command: "start" | "stop"): Promise<UpgradeOutcome> {
  return runWithDeadline(5 * MINUTE, context, async (step) => {
    const { driver } = step;
    const before = await driver.identifyGateway(step.remaining(MINUTE));
    await driver[command](step.remaining(MINUTE));
    const changed = Number((await driver.identifyGateway(step.remaining(MINUTE))) !== before);
    const findings = command === "start" ? [await waitForGateway(step)] : [];
    return { state: "checked", changed, findings };
  });
}

function isSuccess({ state, findings }: UpgradeOutcome, { command }: OpenclawOptions): boolean {
  if (state === "checked") return !hasFailure(findings ?? []);
  if (state === "planned" || state === "nothing to do") return true;
  return command === "rollback" ? state === "rolled_back" || state === "refused" : state === "completed";
}

function describeOpenclawOutcome({ state, record, findings, plan, report }: UpgradeOutcome): string {
  if (plan) return plan.length > 0 ? plan.map((title, i) => `${i + 1}. ${title}`).join("\n") : "Nothing to do.";
  if (findings) return renderFindingLines(findings).join("\n") || "Done.";
  if (!record) return "Nothing to do.";
  return `${record.from} → ${record.to}: ${state.replaceAll("_", " ")}. Report: ${report}`;
}

function toOpenclawJson({ state, changed, record, findings, plan, report }: UpgradeOutcome, command: string) {
  return omitUndefined({
    ...{ command, state, changed, from: record?.from, to: record?.to },
    steps: record?.steps.map(({ name, status, problem, startedAt, endedAt, findings }) => {
      const seconds = endedAt === undefined ? undefined : (endedAt - startedAt) / 1_000;
      return omitUndefined({ name, status, problem, seconds, findings });
    }),
    ...{ findings, plan, report },
  });
}

/** Parses the arguments after `groundcrew openclaw`. Throws a usage error that says what to write. */
export function parseOpenclawOptions(args: readonly string[]): OpenclawOptions {
  const [word, ...rest] = args;
  const command = commandSchema.safeParse(word).data;
  if (command === undefined) {
    const nearest = findNearestName(word ?? "", commandSchema.options);
    const hint = nearest ? `Did you mean ${nearest}?` : `Commands: ${commandSchema.options.join(", ")}.`;
    const problem = word ? `groundcrew openclaw has no command ${word.slice(0, 60)}.` : "The command is missing.";
    throw createUsageError(`${problem} ${hint}`);
  }
  const input = parseCommandInput(OPTIONS[command], rest, { name: `groundcrew openclaw ${command}` });
  const options = { command, ...optionsSchema.parse(input) };
  if (command === "upgrade") checkVersions(options);
  return options;
}

function checkVersions({ from, to, check, "dry-run": isDryRun }: OpenclawOptions): void {
  for (const [name, version] of [["--from", from] as const, ["--to", to] as const]) {
    if (version === undefined)
      throw createUsageError(`${name} is missing: groundcrew openclaw upgrade --from 2026.2.26 --to 2026.9.6`);
    if (!isOpenclawVersion(version))
      throw createUsageError(`${name} must be a whole version such as 2026.2.26, not ${version.slice(0, 60)}.`);
  }
  if (from === to) throw createUsageError("--from and --to are the same version.");
  if (from !== undefined && to !== undefined && isOlderOpenclaw(to, from))
    throw createUsageError(
      `${to} is older than ${from}, and an older OpenClaw does not read the state of a newer one. To go back, run \`groundcrew openclaw rollback\`.`,
    );
  if (check && isDryRun) throw createUsageError("Use either --check or --dry-run.");
}
