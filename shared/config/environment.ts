/**
 * The environment variables: name, form, default and meaning of each. docs/configuration.md is generated from this
 * list.
 */

import { Cron } from "croner";
import { z } from "zod";
import { parseIpRange } from "../ip-address.ts";
import { emailSchema, textSchema } from "./forms.ts";
import { timeZoneSchema } from "./sections-schema.ts";

/** A setting that names a folder. */
const folder = (meaning: string) => z.string().optional().describe("the path of a folder").meta({ meaning });

/** A port: 0 to 65535. */
const portSchema = textSchema(/^\d{1,5}$/)
  .transform(Number)
  .refine((number) => number <= 65_535);

/** A whole number of at most nine digits. */
const countSchema = textSchema(/^\d{1,9}$/).transform(Number);

/** Parts separated by commas. */
const commaListSchema = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);

/** The URL of a server: http(s), without credentials or a query; a slash at the end is removed. */
const urlSchema = z
  .string()
  .transform((text) => (URL.canParse(text) ? new URL(text) : undefined))
  .refine((url) => url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash)
  .transform((url) => (url ? `${url.origin}${url.pathname.replace(/\/+$/, "")}` : ""));

/** Default of SECRETS_FILE: the file that holds the secrets. */
export const DEFAULT_SECRETS_FILE = "data/secrets.json";

/** Default of POLL_CRON: every 5 minutes. */
export const DEFAULT_POLL_CRON = "*/5 * * * *";

const MAX_RATE_LIMIT = 100_000;

/**
 * The settings in the environment that are not secrets. Each description completes the sentence "wanted: …" of an error
 * message; each `meaning` is printed in docs/configuration.md.
 */
export const environmentSchema = z.object({
  HOST: textSchema(/^[\w.:-]+$/)
    .default("127.0.0.1")
    .describe("an address of this machine to listen on, for example 127.0.0.1")
    .meta({ meaning: "Address of this machine to listen on." }),
  PORT: portSchema
    .default(8787)
    .describe("a port number from 0 to 65535 (0: any free one)")
    .meta({ meaning: "Port to listen on." }),
  METRICS_PORT: portSchema.optional().describe("a port number from 0 to 65535 (0: any free one) other than PORT").meta({
    meaning:
      "Second port that serves /metrics, /ready and /health without a token; keep it inside your network. Without it there is no second port.",
  }),
  PUBLIC_URL: urlSchema
    .refine((url) => new URL(url).origin === url)
    .optional()
    .describe("the address people reach Groundcrew at, without a path, for example https://crew.example.com")
    .meta({ meaning: "Address at which people, Plane and Telegram reach Groundcrew." }),
  ALLOWED_HOSTS: commaListSchema
    .transform((hosts) => hosts.map((host) => host.toLowerCase()))
    .refine((hosts) => hosts.every((host) => /^(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:\d+)?$/.test(host)))
    .optional()
    .describe("comma-separated host names, for example crew.example.com,localhost")
    .meta({
      meaning:
        "Host names that requests may name in their Host header. Default: the host of PUBLIC_URL, localhost, 127.0.0.1 and [::1].",
    }),
  ALLOWED_ORIGINS: commaListSchema
    .refine((origins) => origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin))
    .default([])
    .describe("comma-separated origins, for example https://ops.example.com")
    .meta({
      meaning:
        "Origins of other dashboards whose scripts may call /api, with ADMIN_TOKEN. Default: none but Groundcrew's own page.",
    }),
  TRUSTED_PROXIES: commaListSchema
    .refine((ranges) => ranges.every((range) => parseIpRange(range)))
    .default([])
    .describe("comma-separated addresses or CIDR blocks, for example 10.8.0.0/16,fd00::/8")
    .meta({ meaning: "Proxies whose X-Forwarded-For header is believed. Default: none." }),
  PLANE_URL: urlSchema
    .refine((url) => !/\/api(\/v1)?$/.test(url))
    .optional()
    .describe("Plane's address without /api/v1, for example https://plane.example.com")
    .meta({ meaning: "Address of Plane." }),
  PLANE_WORKSPACE: textSchema(/^[\w-]+$/)
    .optional()
    .describe("the workspace's slug as in Plane's address, for example javisi")
    .meta({ meaning: "Workspace to work in." }),
  PLANE_PROJECTS: commaListSchema
    .transform((names) => names.map((name) => name.toUpperCase()))
    .default([])
    .describe("comma-separated project identifiers, for example ONB,OPS; absent for all")
    .meta({ meaning: "Projects to follow. Default: all that the API key's account is a member of." }),
  PLANE_ADMIN_EMAIL: emailSchema
    .optional()
    .describe("the e-mail address of the account that administers Plane, for provision alone")
    .meta({
      meaning: "Account that administers Plane. Only provision needs it; doctor reads Plane's webhooks with it.",
    }),
  PLANE_WEBHOOK_TARGET: urlSchema
    .optional()
    .describe("the address Plane calls, for example http://groundcrew.internal:8787/webhooks/plane")
    .meta({
      meaning:
        "Address that Plane's webhook calls where that is not <PUBLIC_URL>/webhooks/plane. Only provision and doctor read it.",
    }),
  PLANE_RATE_LIMIT: countSchema
    .refine((number) => number >= 1 && number <= MAX_RATE_LIMIT)
    .default(60)
    .describe("requests per minute and key that Plane allows, at least 1")
    .meta({ meaning: "Requests per minute and API key that Plane allows (its API_KEY_RATE_LIMIT)." }),
  STORE_PREFIX: textSchema(/^[\w.-]{1,64}$/)
    .default("groundcrew")
    .describe("1 to 64 letters, digits, '_', '-' or '.'")
    .meta({ meaning: "Prefix of every key in Redis." }),
  TELEGRAM_CHAT_ID: textSchema(/^(-?[1-9]\d{0,15}|@\w{4,64})$/)
    .transform((text) => (text.startsWith("@") ? text : Number(text)))
    .refine((chat) => typeof chat === "string" || Number.isSafeInteger(chat))
    .optional()
    .describe("the chat's number, for example -1001234567890, or the @name of a channel")
    .meta({ meaning: "Chat that notifications are sent to." }),
  TELEGRAM_ALLOWED_USERS: commaListSchema
    .refine((users) => users.every((user) => /^[1-9]\d{0,15}$/.test(user)))
    .transform((users) => users.map(Number))
    .refine((users) => users.every(Number.isSafeInteger))
    .default([])
    .describe("comma-separated user numbers (not names), for example 12345678; empty means no one")
    .meta({ meaning: "Telegram users who may give commands and press buttons." }),
  TELEGRAM_MODE: z
    .enum(["webhook", "polling"])
    .optional()
    .describe("webhook (needs PUBLIC_URL) or polling; absent: webhook when PUBLIC_URL is set")
    .meta({
      meaning:
        "How updates arrive: Telegram calls PUBLIC_URL, or Groundcrew polls Telegram. Default: webhook when PUBLIC_URL is set, else polling.",
    }),
  TELEGRAM_API_ROOT: urlSchema
    .default("https://api.telegram.org")
    .describe("the address of a Bot API server")
    .meta({ meaning: "Bot API server." }),
  OPENCLAW_URL: urlSchema
    .optional()
    .describe("the OpenClaw gateway's address, for example http://openclaw:18789")
    .meta({ meaning: "OpenClaw gateway through which agents with wake openclaw are woken." }),
  OPENCLAW_HOOK_PATH: textSchema(/^\/[\w-]+(\/[\w-]+)*$/)
    .default("/hooks/agent")
    .describe("the path of a hook, for example /hooks/groundcrew")
    .meta({
      meaning:
        "Path that wakes are posted to; provision sets /hooks/groundcrew, an entry of OpenClaw's hooks.mappings. Such wakes contain Groundcrew's own instructions, task keys and answers to questions only. Without an entry for the agent, /hooks/agent is used.",
    }),
  OPENCLAW_DELIVER: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true")
    .describe("true or false: OpenClaw sends the last text of a run to the agent's chat")
    .meta({ meaning: "Whether OpenClaw sends the last text of a run to the agent's own chat channel." }),
  OPENCLAW_CONFIG: z.string().optional().describe("the path of OpenClaw's openclaw.json").meta({
    meaning:
      "OpenClaw's settings, which doctor checks for agents that can use another's identity. Only doctor reads it. Default: where OpenClaw itself would look.",
  }),
  POLL_CRON: z
    .string()
    .refine(isCron)
    .default(DEFAULT_POLL_CRON)
    .describe("a cron expression of five or six fields, for example */5 * * * *")
    .meta({ meaning: "When Plane is polled." }),
  ALLOW_TEST_TICKETS: z
    .enum(["0", "1"])
    .default("0")
    .transform((text) => text === "1")
    .describe("1 or 0: POST /api/test/add-ticket adds tickets")
    .meta({ meaning: "Whether POST /api/test/add-ticket may add tickets. Leave it off in production." }),
  LOCALE: z.enum(["en", "fr", "auto"]).default("auto").describe("en, fr or auto").meta({
    meaning:
      "Language of messages, of the page, and of comments and agent cards in Plane. auto: replies in the language of each person's Telegram client, the page in the browser's, the rest in English. On the page, everyone can choose another language for their browser.",
  }),
  TIMEZONE: timeZoneSchema.default("UTC").describe("an IANA time zone, for example Europe/Paris").meta({
    meaning:
      "Time zone of cron expressions, of dates, and of the times that people and agents read. The page uses the browser's.",
  }),
  LOG_LEVEL: z
    .enum(["debug", "info", "warn", "error"])
    .default("info")
    .describe("debug, info, warn or error")
    .meta({ meaning: "Lowest level that is logged." }),
  SECRETS_FILE: z
    .string()
    .default(DEFAULT_SECRETS_FILE)
    .describe("the path of a JSON file of mode 0600")
    .meta({ meaning: "JSON file with secrets, which is read again whenever it changes." }),
  GROUNDCREW_CONFIG: z.string().optional().describe("the path of a JSON file").meta({
    meaning:
      "The settings file: agents, notifications and other structured settings. Default: groundcrew.json beside SECRETS_FILE, if it exists.",
  }),
  BACKUP_FOLDER: folder(
    "Folder in which `groundcrew backup` stores backups, one folder each. Groundcrew reads the age and size of the newest one from it, and the age of the last one that BACKUP_AFTER has copied elsewhere.",
  ),
  BACKUP_UPLOADS: folder("Folder with the files that were uploaded to Plane. Only backup and restore read it."),
  BACKUP_RUNNER: folder(
    "Folder with `runner.json` and `runner.env` of a ticket runner, which backup and restore read. Default: ~/.config/groundcrew, if one of them is there.",
  ),
  BACKUP_CLAUDE: folder(
    "Folder of Claude Code's own configuration, for example /home/ada/.claude, which a backup of a ticket host shall contain.",
  ),
  BACKUP_AFTER: z
    .string()
    .optional()
    .describe(
      "a program and its arguments, separated by spaces, for example rclone copy {backup} remote:groundcrew/{name}",
    )
    .meta({
      meaning:
        "Program that backup runs after each backup, without a shell. {backup} is replaced by the path of the backup, {name} by its name, {folder} by BACKUP_FOLDER.",
    }),
  WEBHOOK_MAX_BYTES: countSchema
    .refine((bytes) => bytes >= 1024)
    .default(2 * 1024 * 1024)
    .describe("the largest webhook body in bytes, at least 1024")
    .meta({
      meaning:
        "Largest webhook body that is accepted, in bytes. Plane's have 2 to 20 KB; parsing a body of 16 MB delays others by more than a second.",
    }),
});

export type Environment = z.output<typeof environmentSchema>;

export const ENVIRONMENT_NAMES: readonly string[] = Object.keys(environmentSchema.shape);

/** The URL at which a program on the same machine reaches a server with this HOST and PORT. */
export function toLocalUrl({ host, port }: { host: string; port: number }): string {
  const name = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "[::1]" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

/** Whether croner accepts the pattern, with or without seconds, and it has times to come. */
function isCron(text: string): boolean {
  try {
    return new Cron(text, { mode: "5-or-6-parts" }).nextRun() !== null;
  } catch {
    return false;
  }
}
