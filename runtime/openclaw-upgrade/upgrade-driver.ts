/** What an upgrade needs of an installation, the settings that describe one, and what all steps and checks share. */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { createReport, type Finding, type FindingReport } from "../../functions/doctor/findings.ts";
import { findAnswer } from "../../functions/doctor/openclaw-skill.ts";
import { formatSchemaIssues, getErrorMessage } from "../../shared/errors.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import { type ProgramOptions, type ProgramResult, requireSuccess } from "../node/programs.ts";
import type { RecordFile, UpgradeVersions } from "./upgrade-record.ts";

/**
 * How one installation of OpenClaw is read and changed. Every call that runs a program takes the time it may use and
 * throws an Error with a reason for people when it fails. Calls that change something can be repeated.
 */
export interface UpgradeDriver {
  kind: "compose" | "npm";
  /** Where OpenClaw has its workspaces, and the user (`uid:gid`) that they and its processes belong to. */
  workspaces: readonly string[];
  owner: string;
  /** The version that starts next. Throws when none can be read. */
  readPinned: () => string;
  /** Lets this version start next, and brings it back when it is missing and `fetchVersion` has kept it. */
  pin: (version: string, timeout: Ms) => Promise<void>;
  /** Commands of the programs that every other call needs, and how they are run. They change nothing. */
  tools: readonly string[];
  runTool: (command: string, timeout: Ms) => Promise<ProgramResult>;
  /** Checks of the installation before an upgrade. They change nothing. */
  checks: Record<string, Check<[to: string, timeout: Ms]>>;
  /** Brings the new version onto the machine, and keeps the running one there, whatever is tidied up meanwhile. */
  fetchVersion: (versions: UpgradeVersions, timeout: Ms) => Promise<void>;
  /** What runs, so that a start or stop can be distinguished from one that changed nothing: "" without a gateway. */
  identifyGateway: (timeout: Ms) => Promise<string>;
  stop: (timeout: Ms) => Promise<void>;
  /** Starts the pinned version; the gateway may need longer until it answers. */
  start: (timeout: Ms) => Promise<void>;
  /** Runs a program where OpenClaw runs, while it does. `node` is there. */
  exec: (args: readonly string[], timeout: Ms) => Promise<ProgramResult>;
  /** Runs a program that sees OpenClaw's folders, also while OpenClaw is stopped. */
  transfer: (args: readonly string[], files: Pick<ProgramOptions, "input" | "output">, timeout: Ms) => Promise<void>;
  /** Runs the pinned version's own command, while its gateway runs. */
  runOpenclaw: (args: readonly string[], timeout: Ms) => Promise<ProgramResult>;
  readLog: (since: Ms, timeout: Ms) => Promise<string>;
  /** What the image of the new version adds to the vulnerabilities of the old one. */
  scanImages: (versions: UpgradeVersions, timeout: Ms) => Promise<Finding[]>;
}

/** Everything that an upgrade uses from outside. */
export interface UpgradeContext {
  driver: UpgradeDriver;
  settings: UpgradeSettings;
  /** `hooks.token` of OpenClaw. */
  hookToken: string;
  fetch: typeof globalThis.fetch;
  clock: () => Ms;
  wait: (ms: Ms, signal?: AbortSignal) => Promise<void>;
  records: RecordFile;
  /** Versions of OpenClaw that Groundcrew is known to work with; undefined when that is unknown. */
  knownVersions: readonly string[] | undefined;
  /** Values that no report may contain; more are added as files are read. */
  secrets: string[];
  /** Called with each line about the progress, for people. */
  progress: (line: string) => void;
}

/** What a step uses: everything from outside, its time, and programs that end within it. */
export interface StepContext extends UpgradeContext {
  /** What is left of the step's time, at least 1 ms and at most `limit`; throws when nothing is. */
  remaining: (limit?: Ms) => Ms;
  /** Runs a program where OpenClaw runs, while it does. */
  exec: (...args: string[]) => Promise<ProgramResult>;
  /** Runs a command of the pinned version, while its gateway runs. */
  openclaw: (...args: string[]) => Promise<ProgramResult>;
}

/** One of several checks, with what it reports in. It throws an Error for people when it has no advice of its own. */
export type Check<T extends unknown[]> = (
  report: FindingReport,
  ...args: T
) => Finding | Finding[] | Promise<Finding | Finding[]>;

/** Timeout for one command of OpenClaw: 60 s. It loads all of OpenClaw first, which took 4 s on two busy cores. */
export const COMMAND_TIMEOUT: Ms = 60 * SECOND;

const text = (pattern: RegExp, message: string) => z.string().regex(pattern, message);
const absolutePath = z.string().refine((path) => isAbsolute(path) && !/\p{Cc}/u.test(path), "must be an absolute path");
const fileName = text(/^[^/\p{Cc}]+$/u, "must be a file's name");
/** A name that becomes an argument of a program: it must not look like an option. */
const name = text(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, "must be a name of letters, digits, dots and dashes");
const variableName = text(/^[A-Za-z_]\w*$/, "must be a variable's name");
const unitName = text(/^[A-Za-z0-9_][\w@.:-]{0,200}$/, "must be a unit's name");
const userIds = text(/^\d{1,10}:\d{1,10}$/, 'must be like "1000:1000"');
const webAddress = z.url({ protocol: /^https?$/ });
const target = text(/^(?:https?:\/\/[^\s]+|[A-Za-z0-9.-]+:\d{1,5})$/, "must be a URL, or host:port");

/** Limits of spawned agents in OpenClaw's own settings. The rest queues. */
const limitsSchema = z.strictObject({
  agents: z.int().min(1).max(1000).default(5),
  memory: text(/^\d{1,6}[mg]$/, 'must be like "256m"').default("256m"),
  cpus: z.number().positive().max(256).default(0.25),
  minutes: z.int().min(1).max(1440).default(30),
});

/** What every driver has. The descriptions are those of docs/operations.md. */
const common = {
  gateway: webAddress.default("http://127.0.0.1:18789").describe("The gateway as this machine reaches it."),
  agent: name.describe("Agent of the smoke test: two short runs of its model for each version."),
  spawns: name.optional().describe("Agent that the smoke test asks to start the agent above: one more run for each."),
  skill: name.default("plane-bridge").describe("Skill that must be listed."),
  mcp: z.array(name).default([]).describe("Names of OpenClaw's MCP entries to probe."),
  limits: limitsSchema
    .nullable()
    .default(limitsSchema.parse({}))
    .describe("Limits of spawned agents; null leaves OpenClaw's alone. Memory and CPU hold in sandboxes only."),
  reach: z.record(name, target).default({}).describe("Addresses that OpenClaw must be able to reach, by name."),
  records: absolutePath
    .default(() => join(homedir(), ".local/state/groundcrew-openclaw"))
    .describe("Folder of record, backups and reports."),
};

const composeSchema = z.strictObject({
  driver: z.literal("compose"),
  ...common,
  folder: absolutePath.describe("Folder of the Compose file."),
  service: name.default("openclaw-gateway").describe("Service of the gateway."),
  env_file: fileName.default(".env").describe("File in the folder that pins the version."),
  variable: variableName
    .default("OPENCLAW_IMAGE")
    .describe("Variable in it: ghcr.io/openclaw/openclaw:2026.2.26, or only the version."),
  command: z.string().min(1).array().min(1).default(["node", "dist/index.js"]).describe("OpenClaw's own command."),
  state: absolutePath.default("/home/node/.openclaw").describe("Path in the container, in a volume."),
  workspace: absolutePath.default("/workspace").describe("Path in the container, in a volume."),
  user: userIds.default("1000:1000").describe("User that the service must have."),
  networks: z.array(name).default(["sandbox", "backend", "egress"]).describe("Networks that the service must have."),
  mounts: z.array(absolutePath).default([]).describe("Further paths that must be in volumes, such as identity files."),
});

export type ComposeUpgradeSettings = z.output<typeof composeSchema>;

const npmSchema = z.strictObject({
  driver: z.literal("npm"),
  ...common,
  prefix: absolutePath.describe("Folder with one folder per version, and the link `current`."),
  state: absolutePath.default(() => join(homedir(), ".openclaw")).describe("Folder to back up."),
  workspaces: z.array(absolutePath).default([]).describe("Further folders to back up."),
  unit: unitName.optional().describe("systemd unit of the gateway; without, `groundcrew openclaw start` runs it."),
  user_unit: z.boolean().default(false).describe("Whether it is a unit of this user's systemd."),
  overrides: z.record(z.string(), z.string()).default({}).describe("npm's overrides for packages it cannot fetch."),
});

export type NpmUpgradeSettings = z.output<typeof npmSchema>;

/** The settings file of upgrades. */
export const upgradeSettingsSchema = z.discriminatedUnion("driver", [composeSchema, npmSchema]);

export type UpgradeSettings = z.output<typeof upgradeSettingsSchema>;

/** The smallest files that work, for error messages. */
const EXAMPLE =
  '{"driver": "compose", "folder": "/srv/openclaw", "agent": "imhotep"} or ' +
  '{"driver": "npm", "prefix": "/opt/openclaw", "agent": "imhotep"}';

/** Parses the settings file of upgrades. A problem says what to write. */
export function parseUpgradeSettings(path: string, text: string | undefined): UpgradeSettings | { problem: string } {
  if (text === undefined)
    return { problem: `${path} does not exist. Write one, for example ${EXAMPLE}, or name another with --config.` };
  const json = tryParseJson(text);
  if (json === undefined) return { problem: `${path} is not valid JSON. Example: ${EXAMPLE}` };
  const { data, error } = upgradeSettingsSchema.safeParse(json);
  return data ?? { problem: cleanLine(`${path}: ${formatSchemaIssues(error, "the file")}. Example: ${EXAMPLE}`, 800) };
}

/** Runs a step that must end within `limit`. It can ask for what is left, and is given up when it ignores that. */
export async function runWithDeadline<T>(
  limit: Ms,
  context: UpgradeContext,
  run: (context: StepContext) => Promise<T>,
): Promise<T> {
  const { clock, driver, wait } = context;
  const deadline = clock() + limit;
  const expiry = new Error(`no end within ${limit / SECOND} s`);
  function remaining(most = limit) {
    const left = deadline - clock();
    if (left <= 0) throw expiry;
    return Math.min(left, most);
  }
  const exec = (...args: string[]) => driver.exec(args, remaining(COMMAND_TIMEOUT));
  const openclaw = (...args: string[]) => driver.runOpenclaw(args, remaining(COMMAND_TIMEOUT));
  const done = new AbortController();
  const expire = () => wait(limit, done.signal).then(() => Promise.reject(expiry));
  try {
    return await Promise.race([run({ ...context, remaining, exec, openclaw }), expire()]);
  } finally {
    done.abort();
  }
}

/** Makes checks one after the other. One that throws has failed, under its name and with this advice. */
export async function runChecks<T extends unknown[]>(
  checks: Record<string, Check<T>>,
  todo: string,
  ...args: T
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, check] of Object.entries(checks)) {
    const report = createReport(name);
    try {
      findings.push(...[await check(report, ...args)].flat());
    } catch (thrown) {
      findings.push(report.failed`${getErrorMessage(thrown)} → ${todo}`);
    }
  }
  return findings;
}

/** Makes the same check of all these things, each under its own name. */
export function checkAll(kind: string, things: readonly string[], todo: string, check: Check<[thing: string]>) {
  const checks = things.map((thing): [string, Check<[]>] => [`${kind} ${thing}`, (report) => check(report, thing)]);
  return runChecks(Object.fromEntries(checks), todo);
}

/** OpenClaw's answer of this form. Throws an Error for people when it did not give one. */
export function requireAnswer<T>(command: string, schema: z.ZodType<T>, result: ProgramResult): T {
  const answer = findAnswer(schema, result.stdout);
  if (answer !== undefined) return answer;
  requireSuccess(command, result);
  throw new Error(`${command} gave an answer that cannot be read`);
}
