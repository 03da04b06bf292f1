import { isOlderOpenclaw, isOpenclawVersion } from "../../functions/doctor/openclaw-version.ts";
import { findNearestName } from "../../shared/nearest-name.ts";
import { createUsageError } from "./command-error.ts";

const COMMANDS = ["upgrade", "rollback", "start", "stop"] as const;

export interface OpenclawOptions {
  command: (typeof COMMANDS)[number];
  from: string | undefined;
  to: string | undefined;
  check: boolean;
  dryRun: boolean;
  /** Path of the settings file of upgrades. */
  config: string;
}

/** The settings file's name in the working directory. */
const DEFAULT_CONFIG = "openclaw-upgrade.json";

/** Flags and options of each command. */
const ALLOWED: Record<OpenclawOptions["command"], readonly string[]> = {
  upgrade: ["--from", "--to", "--check", "--dry-run", "--config"],
  rollback: ["--dry-run", "--config"],
  start: ["--config"],
  stop: ["--config"],
};

/** Parses the arguments after `groundcrew openclaw`. Throws a usage error that says what to write. */
export function parseOpenclawOptions(args: readonly string[]): OpenclawOptions {
  const [word = "", ...rest] = args;
  const command = COMMANDS.find((one) => one === word);
  if (!command) {
    const nearest = findNearestName(word, COMMANDS);
    const hint = nearest ? `Did you mean ${nearest}?` : `Commands: ${COMMANDS.join(", ")}.`;
    throw createUsageError(
      word === ""
        ? `The command is missing. ${hint}`
        : `groundcrew openclaw has no command ${word.slice(0, 60)}. ${hint}`,
    );
  }
  const values = new Map<string, string>();
  for (let i = 0; i < rest.length; i += 1) {
    const [name = "", ...parts] = (rest[i] ?? "").split("=");
    if (!ALLOWED[command].includes(name))
      throw createUsageError(
        `groundcrew openclaw ${command} has no option ${name.slice(0, 60)}. Options: ${ALLOWED[command].join(", ")}.`,
      );
    if (values.has(name)) throw createUsageError(`${name} is set twice.`);
    const isFlag = name === "--check" || name === "--dry-run";
    if (isFlag && parts.length > 0) throw createUsageError(`${name} takes no value.`);
    if (!isFlag && parts.length === 0) i += 1;
    const value = isFlag ? "" : parts.length > 0 ? parts.join("=") : rest[i];
    if (value === undefined || (!isFlag && value === "")) throw createUsageError(`${name} needs a value.`);
    values.set(name, value);
  }
  const options = {
    command,
    from: values.get("--from"),
    to: values.get("--to"),
    check: values.has("--check"),
    dryRun: values.has("--dry-run"),
    config: values.get("--config") ?? DEFAULT_CONFIG,
  };
  if (command === "upgrade") checkVersions(options);
  return options;
}

function checkVersions({ from, to, check, dryRun }: OpenclawOptions): void {
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
  if (check && dryRun) throw createUsageError("Use either --check or --dry-run.");
}
