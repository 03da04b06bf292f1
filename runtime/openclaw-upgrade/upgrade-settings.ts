import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { cleanLine } from "../../shared/clean-text.ts";

const absolutePath = z.string().refine((path) => isAbsolute(path) && !/\p{Cc}/u.test(path), "must be an absolute path");
/** A name that becomes an argument of a program: it must not look like an option. */
const name = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, "must be a name of letters, digits, dots and dashes");
const owner = z.string().regex(/^\d{1,10}:\d{1,10}$/, 'must be like "1000:1000"');
const target = z.string().regex(/^(?:https?:\/\/[^\s]+|[A-Za-z0-9.-]+:\d{1,5})$/, "must be a URL, or host:port");

/** Limits of spawned agents in OpenClaw's own settings. The rest queues. */
const limitsSchema = z.strictObject({
  agents: z.int().min(1).max(1000).default(5),
  memory: z
    .string()
    .regex(/^\d{1,6}[mg]$/, 'must be like "256m"')
    .default("256m"),
  cpus: z.number().positive().max(256).default(0.25),
  minutes: z.int().min(1).max(1440).default(30),
});

const common = {
  /** The gateway as this machine reaches it. */
  gateway: z.url({ protocol: /^https?$/ }).default("http://127.0.0.1:18789"),
  /** The agent of the smoke test's turn and wake. */
  agent: name,
  skill: name.default("plane-bridge"),
  /** Names of OpenClaw's MCP entries to probe. */
  mcp: z.array(name).default([]),
  limits: limitsSchema.nullable().default(limitsSchema.parse({})),
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
  env_file: z
    .string()
    .regex(/^[^/\p{Cc}]+$/u, "must be a file's name")
    .default(".env"),
  variable: z
    .string()
    .regex(/^[A-Za-z_]\w*$/, "must be a variable's name")
    .default("OPENCLAW_IMAGE"),
  /** OpenClaw's command in the image. */
  command: z.array(z.string().min(1)).min(1).default(["node", "dist/index.js"]),
  /** Paths in the container. */
  state: absolutePath.default("/home/node/.openclaw"),
  workspace: absolutePath.default("/workspace"),
  user: owner.default("1000:1000"),
  networks: z.array(name).default(["sandbox", "backend", "egress"]),
  /** What the container must reach, by name: `{"plane": "http://api:8000/"}`. */
  reach: z.record(name, target).default({}),
});

const npmSchema = z.strictObject({
  driver: z.literal("npm"),
  ...common,
  /** Folder with one folder per version, and the link `current`. */
  prefix: absolutePath,
  state: absolutePath.default(() => join(homedir(), ".openclaw")),
  workspaces: z.array(absolutePath).default([]),
  /** The systemd unit that runs the gateway; without one the command starts and stops it itself. */
  unit: z
    .string()
    .regex(/^[A-Za-z0-9_][\w@.:-]{0,200}$/, "must be a unit's name")
    .optional(),
  /** Whether it is a unit of this user's systemd. */
  user_unit: z.boolean().default(false),
  /** npm's `overrides`, for a package that this machine cannot fetch. */
  overrides: z.record(z.string(), z.string()).default({}),
  reach: z.record(name, target).default({}),
});

const settingsSchema = z.discriminatedUnion("driver", [composeSchema, npmSchema]);
export type UpgradeSettings = z.output<typeof settingsSchema>;
export type ComposeUpgradeSettings = z.output<typeof composeSchema>;
export type NpmUpgradeSettings = z.output<typeof npmSchema>;

/** The smallest files that work, for error messages. */
const EXAMPLE =
  '{"driver": "compose", "folder": "/srv/openclaw", "agent": "imhotep"} or ' +
  '{"driver": "npm", "prefix": "/opt/openclaw", "agent": "imhotep"}';

/** Parses the settings file of upgrades. Every problem says what to write. */
export function parseUpgradeSettings(path: string, text: string | undefined): UpgradeSettings | { problems: string[] } {
  if (text === undefined)
    return { problems: [`${path} does not exist. Write one, for example ${EXAMPLE}, or name another with --config.`] };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problems: [`${path} is not valid JSON. Example: ${EXAMPLE}`] };
  }
  const parsed = settingsSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  return {
    problems: parsed.error.issues.map(({ path: at, message }) => {
      const place = at.length > 0 ? `${at.join(".")}: ` : "";
      return cleanLine(`${path}: ${place}${message}. Example: ${EXAMPLE}`, 400);
    }),
  };
}
