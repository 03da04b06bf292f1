/**
 * What an upgrade needs of an installation (UpgradeDriver), the settings that describe one, and what the steps share:
 * the driver, the record and deadlines.
 */

import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import type { Finding } from "../../functions/doctor/findings.ts";
import { cleanLine, tryParseJson } from "../../shared/text.ts";
import { type Ms, SECOND } from "../../shared/time.ts";
import type { ProgramResult } from "../node/programs.ts";
import type { ImageScan, RecordFile } from "./upgrade-record.ts";

/**
 * How one installation of OpenClaw is read and changed. Every call that runs a program takes the time it may use and
 * throws an Error with a reason for people when it fails. Calls that change something can be repeated.
 */
export interface UpgradeDriver {
  kind: "compose" | "npm";
  /** The version that starts next. Throws when none can be read. */
  readPinned: () => string;
  /** Makes this version the one that starts next. */
  pin: (version: string) => void;
  /** Checks the programs that every other call needs. Changes nothing. */
  checkTools: (timeout: Ms) => Promise<Finding>;
  /** Checks the installation before an upgrade. Changes nothing. */
  checkInstallation: (to: string, timeout: Ms) => Promise<Finding[]>;
  /** Connects from where OpenClaw runs. Returns why that failed, undefined when it worked. Changes nothing. */
  connect: (host: string, port: number, timeout: Ms) => Promise<string | undefined>;
  /** Brings this version onto the machine, beside the running one. */
  fetchVersion: (version: string, timeout: Ms) => Promise<void>;
  /** What runs, so that a start or stop can be told from one that changed nothing: "" without a gateway. */
  identifyGateway: (timeout: Ms) => Promise<string>;
  stop: (timeout: Ms) => Promise<void>;
  /** Starts the pinned version; the gateway may need longer until it answers. */
  start: (timeout: Ms) => Promise<void>;
  /** Writes state and workspaces into this archive. OpenClaw must be stopped. */
  backUp: (archive: string, timeout: Ms) => Promise<void>;
  /** Replaces state and workspaces by those of the archive. OpenClaw must be stopped. */
  restore: (archive: string, timeout: Ms) => Promise<void>;
  /** Runs the pinned version's own command, while its gateway runs. */
  runOpenclaw: (args: readonly string[], timeout: Ms) => Promise<ProgramResult>;
  /** Reads a file that OpenClaw can read; undefined when it does not exist. */
  readFile: (path: string, timeout: Ms) => Promise<string | undefined>;
  /** What the gateway has logged since this time. */
  readLog: (since: Ms, timeout: Ms) => Promise<string>;
  /** Checks users, capabilities and seccomp of the processes, and owner and mode of the workspaces. */
  inspectProcesses: (timeout: Ms) => Promise<Finding[]>;
  /** Scans a version's image for known vulnerabilities. */
  scanImage: (version: string, timeout: Ms) => Promise<ImageScan>;
  /** Values that must not appear in a report, as the installation's own files have them. */
  listSecrets: () => string[];
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
  /** Environment of local programs such as tar. */
  env: Record<string, string>;
  /** Versions of OpenClaw that Groundcrew is known to work with; undefined when that is unknown. */
  knownVersions: readonly string[] | undefined;
  /** Values that no report may contain; more are added as files are read. */
  secrets: string[];
  /** Called with each line about the progress, for people. */
  progress: (line: string) => void;
}

/** What a step uses: everything from outside, and its time. */
export interface StepContext extends UpgradeContext {
  /** The end of the step's time. */
  deadline: Ms;
  /** What is left of the step's time, at least 1 ms and at most `limit`; throws when nothing is. */
  remaining: (limit?: Ms) => Ms;
}

/** Timeout for one command of OpenClaw: 60 s. It loads all of OpenClaw first, which took 4 s on two busy cores. */
export const COMMAND_TIMEOUT: Ms = 60 * SECOND;

const text = (pattern: RegExp, message: string) => z.string().regex(pattern, message);

const absolutePath = z.string().refine((path) => isAbsolute(path) && !/\p{Cc}/u.test(path), "must be an absolute path");

/** A name that becomes an argument of a program: it must not look like an option. */
const name = text(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, "must be a name of letters, digits, dots and dashes");

const target = text(/^(?:https?:\/\/[^\s]+|[A-Za-z0-9.-]+:\d{1,5})$/, "must be a URL, or host:port");

/** Limits of spawned agents in OpenClaw's own settings. The rest queues. */
const limitsSchema = z.strictObject({
  agents: z.int().min(1).max(1000).default(5),
  memory: text(/^\d{1,6}[mg]$/, 'must be like "256m"').default("256m"),
  cpus: z.number().positive().max(256).default(0.25),
  minutes: z.int().min(1).max(1440).default(30),
});

export type SpawnLimits = z.output<typeof limitsSchema>;

const common = {
  /** The gateway as this machine reaches it. */
  gateway: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:18789"),
  /** The agent of the smoke test's turn and wake. */
  agent: name,
  skill: name.default("plane-bridge"),
  /** Names of OpenClaw's MCP entries to probe. */
  mcp: z.array(name).default([]),
  limits: limitsSchema.nullable().default(limitsSchema.parse({})),
  /** What OpenClaw must reach from where it runs, by name: `{"plane": "http://api:8000/"}`. */
  reach: z.record(name, target).default({}),
  /** Where records, backups and reports are kept. */
  records: absolutePath.default(() => join(homedir(), ".local/state/groundcrew-openclaw")),
};

const composeSchema = z.strictObject({
  driver: z.literal("compose"),
  ...common,
  /** Folder of the Compose file. */
  folder: absolutePath,
  service: name.default("openclaw-gateway"),
  /** File with the pinned version, relative to the folder, and the variable in it. */
  env_file: text(/^[^/\p{Cc}]+$/u, "must be a file's name").default(".env"),
  variable: text(/^[A-Za-z_]\w*$/, "must be a variable's name").default("OPENCLAW_IMAGE"),
  /** OpenClaw's command in the image. */
  command: z.array(z.string().min(1)).min(1).default(["node", "dist/index.js"]),
  /** Paths in the container. */
  state: absolutePath.default("/home/node/.openclaw"),
  workspace: absolutePath.default("/workspace"),
  user: text(/^\d{1,10}:\d{1,10}$/, 'must be like "1000:1000"').default("1000:1000"),
  networks: z.array(name).default(["sandbox", "backend", "egress"]),
});

export type ComposeUpgradeSettings = z.output<typeof composeSchema>;

const npmSchema = z.strictObject({
  driver: z.literal("npm"),
  ...common,
  /** Folder with one folder per version, and the link `current`. */
  prefix: absolutePath,
  state: absolutePath.default(() => join(homedir(), ".openclaw")),
  workspaces: z.array(absolutePath).default([]),
  /** The systemd unit that runs the gateway; without one the command starts and stops it itself. */
  unit: text(/^[A-Za-z0-9_][\w@.:-]{0,200}$/, "must be a unit's name").optional(),
  /** Whether it is a unit of this user's systemd. */
  user_unit: z.boolean().default(false),
  /** npm's `overrides`, for a package that this machine cannot fetch. */
  overrides: z.record(z.string(), z.string()).default({}),
});

export type NpmUpgradeSettings = z.output<typeof npmSchema>;

const settingsSchema = z.discriminatedUnion("driver", [composeSchema, npmSchema]);

export type UpgradeSettings = z.output<typeof settingsSchema>;

/** The smallest files that work, for error messages. */
const EXAMPLE =
  '{"driver": "compose", "folder": "/srv/openclaw", "agent": "imhotep"} or ' +
  '{"driver": "npm", "prefix": "/opt/openclaw", "agent": "imhotep"}';

/** Parses the settings file of upgrades. Every problem says what to write. */
export function parseUpgradeSettings(path: string, text: string | undefined): UpgradeSettings | { problems: string[] } {
  if (text === undefined)
    return { problems: [`${path} does not exist. Write one, for example ${EXAMPLE}, or name another with --config.`] };
  const json = tryParseJson(text);
  if (json === undefined) return { problems: [`${path} is not valid JSON. Example: ${EXAMPLE}`] };
  const parsed = settingsSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  return {
    problems: parsed.error.issues.map(({ path: at, message }) => {
      const place = at.length > 0 ? `${at.join(".")}: ` : "";
      return cleanLine(`${path}: ${place}${message}. Example: ${EXAMPLE}`, 400);
    }),
  };
}

/** Runs a step that must end within `limit`. It can ask for what is left, and is given up when it ignores that. */
export async function runWithDeadline<T>(
  limit: Ms,
  context: UpgradeContext,
  run: (context: StepContext) => Promise<T>,
): Promise<T> {
  const { clock, wait } = context;
  const deadline = clock() + limit;
  const expiry = new Error(`no end within ${limit / 1_000} s`);
  function remaining(most = limit) {
    const left = deadline - clock();
    if (left <= 0) throw expiry;
    return Math.min(left, most);
  }
  const done = new AbortController();
  const expire = async () => {
    await wait(limit, done.signal);
    throw expiry;
  };
  try {
    return await Promise.race([run({ ...context, deadline, remaining }), expire()]);
  } finally {
    done.abort();
  }
}

/** Runs a command of the pinned version, while its gateway runs. */
export function runOpenclaw({ driver, remaining }: StepContext, ...args: string[]): Promise<ProgramResult> {
  return driver.runOpenclaw(args, remaining(COMMAND_TIMEOUT));
}
