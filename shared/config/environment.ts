import { CronPattern } from "croner";
import { z } from "zod";
import { parseIpRange } from "../ip-address.ts";

/** Where secrets are kept unless SECRETS_FILE names another file. */
export const DEFAULT_SECRETS_FILE = "data/secrets.json";

const MAX_RATE_LIMIT = 100_000;

const portSchema = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((number) => number <= 65_535);

const countSchema = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number);

const listSchema = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);

/** An address of a server: http(s), without credentials, query or a slash at the end. */
const urlSchema = z
  .string()
  .transform((text) => (URL.canParse(text) ? new URL(text) : undefined))
  .refine((url) => url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash)
  .transform((url) => (url ? `${url.origin}${url.pathname.replace(/\/+$/, "")}` : ""));

/**
 * The settings that are no secrets, as the environment gives them; an empty value counts as absent.
 * Each description completes the sentence "wanted: …".
 */
export const environmentSchema = z.object({
  HOST: z
    .string()
    .regex(/^[\w.:-]+$/)
    .default("127.0.0.1")
    .describe("an address of this machine to listen on, for example 127.0.0.1"),
  PORT: portSchema.default(8787).describe("a port number from 0 to 65535 (0: any free one)"),
  METRICS_PORT: portSchema.optional().describe("a port number from 0 to 65535 (0: any free one) other than PORT"),
  PUBLIC_URL: urlSchema
    .refine((url) => new URL(url).origin === url)
    .optional()
    .describe("the address people reach Groundcrew at, without a path, for example https://crew.example.com"),
  ALLOWED_HOSTS: listSchema
    .transform((hosts) => hosts.map((host) => host.toLowerCase()))
    .refine((hosts) => hosts.every((host) => /^(\[[0-9a-f:]+\]|[a-z0-9_.-]+)(:\d+)?$/.test(host)))
    .optional()
    .describe("comma-separated host names, for example crew.example.com,localhost"),
  TRUSTED_PROXIES: listSchema
    .refine((ranges) => ranges.every((range) => parseIpRange(range)))
    .default([])
    .describe("comma-separated addresses or CIDR blocks, for example 10.8.0.0/16,fd00::/8"),
  PLANE_URL: urlSchema
    .refine((url) => !/\/api(\/v1)?$/.test(url))
    .optional()
    .describe("Plane's address without /api/v1, for example https://plane.example.com"),
  PLANE_WORKSPACE: z
    .string()
    .regex(/^[\w-]+$/)
    .optional()
    .describe("the workspace's slug as it stands in Plane's address, for example javisi"),
  PLANE_PROJECTS: listSchema
    .transform((names) => names.map((name) => name.toUpperCase()))
    .default([])
    .describe("comma-separated project identifiers, for example ONB,OPS; absent for all"),
  PLANE_ADMIN_EMAIL: z
    .email()
    .transform((email) => email.toLowerCase())
    .optional()
    .describe("the e-mail address of the account that administers Plane, for provision alone"),
  PLANE_WEBHOOK_TARGET: urlSchema
    .optional()
    .describe("the address Plane calls, for example http://groundcrew.internal:8787/webhooks/plane"),
  PLANE_RATE_LIMIT: countSchema
    .refine((number) => number >= 1 && number <= MAX_RATE_LIMIT)
    .default(60)
    .describe("requests per minute and key that Plane allows, at least 1"),
  STORE_PREFIX: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .default("groundcrew")
    .describe("1 to 64 letters, digits, '_', '-' or '.'"),
  TELEGRAM_CHAT_ID: z
    .string()
    .regex(/^(-?[1-9]\d{0,15}|@\w{4,64})$/)
    .transform((text) => (text.startsWith("@") ? text : Number(text)))
    .refine((chat) => typeof chat === "string" || Number.isSafeInteger(chat))
    .optional()
    .describe("the chat's number, for example -1001234567890, or the @name of a channel"),
  TELEGRAM_ALLOWED_USERS: listSchema
    .refine((users) => users.every((user) => /^[1-9]\d{0,15}$/.test(user)))
    .transform((users) => users.map(Number))
    .refine((users) => users.every(Number.isSafeInteger))
    .default([])
    .describe("comma-separated user numbers (not names), for example 12345678; empty means nobody"),
  TELEGRAM_MODE: z
    .enum(["webhook", "polling"])
    .optional()
    .describe("webhook (needs PUBLIC_URL) or polling; absent: webhook when PUBLIC_URL is set"),
  TELEGRAM_API_ROOT: urlSchema.default("https://api.telegram.org").describe("the address of a Bot API server"),
  OPENCLAW_URL: urlSchema.optional().describe("the OpenClaw gateway's address, for example http://openclaw:18789"),
  POLL_CRON: z
    .string()
    .refine(isCron)
    .default("*/5 * * * *")
    .describe("a cron expression of five or six fields, for example */5 * * * *"),
  LOCALE: z.enum(["en", "fr", "auto"]).default("en").describe("en, fr or auto"),
  TIMEZONE: z.string().refine(isTimeZone).default("UTC").describe("an IANA time zone, for example Europe/Paris"),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info").describe("debug, info, warn or error"),
  SECRETS_FILE: z.string().default(DEFAULT_SECRETS_FILE).describe("the path of a JSON file of mode 0600"),
  GROUNDCREW_CONFIG: z.string().optional().describe("the path of a JSON file"),
  WEBHOOK_MAX_BYTES: countSchema
    .refine((bytes) => bytes >= 1024)
    .default(16 * 1024 * 1024)
    .describe("the largest webhook body in bytes, at least 1024"),
});

export type Environment = z.output<typeof environmentSchema>;

export const ENVIRONMENT_NAMES: readonly string[] = Object.keys(environmentSchema.shape);

function isCron(text: string): boolean {
  try {
    new CronPattern(text, undefined, { mode: "5-or-6-parts" });
    return true;
  } catch {
    return false;
  }
}

export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
