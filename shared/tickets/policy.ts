/**
 * The policy of a repository: the lines of the settings and those of its own file on the base branch become the lines
 * in force; the stricter one wins, and only the administrator loosens. And what Groundcrew knows of it: its own
 * settings, and what the runners have read from the base branches. What Groundcrew decides itself follows from both;
 * the rest is in force as the runner has it. Among the lines is the CLI that works on tickets, and what each CLI cannot
 * do.
 */

import type { Settings } from "../config/settings.ts";
import {
  type PolicyFile,
  policyFileSchema,
  type RepositorySettings,
  type TicketSettings,
  ticketsSchema,
} from "../config/tickets-schema.ts";
import { formatTemplate } from "../i18n/localize.ts";
import { parseTaskKey } from "../names.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Store } from "../store/port.ts";
import { DAY, type Ms } from "../time.ts";
import type { ExchangeRequest, PolicyReport } from "./exchange.ts";
import { type Ticket, ticketKeys } from "./ticket.ts";

/** What the base branch of a repository says about its sessions. */
export interface BaseBranch {
  /** Of `.groundcrew.json`. */
  file?: PolicyFile;
  /** Rules of `.claude/settings.json`. */
  rules?: Partial<Record<"allow" | "ask" | "deny", string[]>>;
  /** Servers of `.mcp.json`, by their names. */
  servers?: Record<string, object>;
  /** Where lines of `file` come from, if not from `.groundcrew.json`. */
  sources?: Readonly<Record<string, string>>;
}

/** What is in force for a repository. */
export interface PolicyValues
  extends Required<Omit<PolicyFile, OptionalName | "prompt">>,
    Pick<PolicyFile, OptionalName> {
  /** Rules that ask also where another one allows. */
  ask: string[];
  /** The texts of the settings and of the file. */
  prompt: string[];
  servers: Record<string, object>;
}

/** One line: its value, and where it comes from. A list of rules has a line for each. */
export interface PolicyLine {
  name: string;
  value: unknown;
  from: string;
}

/** A line that does not count. */
export interface LeftOutLine extends PolicyLine {
  why: string;
}

export interface Policy {
  values: PolicyValues;
  lines: PolicyLine[];
  leftOut: LeftOutLine[];
  /** Contradictions, as sentences that say what to repair: no session starts with them. */
  problems: string[];
}

/** The policy of a repository; `read`: what a runner has read last, absent before its first report. */
export interface KnownPolicy extends Policy {
  read?: PolicyRecord;
}

interface PolicyRecord {
  runner: string;
  at: Ms;
  report: PolicyReport;
}

interface PolicyDeps {
  settings: Pick<Settings, "tickets"> | { tickets?: undefined };
  store: Pick<Store, "read">;
}

type OptionalName = "setup" | "test_command" | "base" | "model" | "budget_usd";

/** A CLI as the settings name it: Claude Code, Codex, or a command of one's own. */
export type Cli = PolicyValues["cli"];

export const POLICY_FILE = ".groundcrew.json";

export const CLAUDE_SETTINGS_FILE = ".claude/settings.json";

export const MCP_FILE = ".mcp.json";

/** Values from the strictest to the loosest. */
const ORDERS = {
  permission_mode: ["dontAsk", "manual", "acceptEdits", "bypassPermissions"],
  sandbox: ["required", "auto", "off"],
  network: ["model", "all"],
  publish: ["none", "push", "pull-request"],
  plan_first: [true, false],
} satisfies { [Name in keyof PolicyFile]?: NonNullable<PolicyFile[Name]>[] };

/** Lines whose smaller number is stricter; none is the loosest. */
const LIMITS = ["minutes", "budget_usd", "max_sessions"] as const;

/** Lines that are neither strict nor loose: the administrator's counts, else that of the file. */
const NEUTRAL = ["cli", "model", "base", "setup", "test_command"] as const;

const ORDERED = [...(Object.keys(ORDERS) as (keyof typeof ORDERS)[]), ...LIMITS];

type OrderedName = (typeof ORDERED)[number];

/** Lists of which each entry is a line. */
const LISTS = ["allow", "ask", "deny", "env", "readable", "prompt"] as const;

const ownLinesSchema = policyFileSchema.pick({
  ...{ minutes: true, budget_usd: true, max_sessions: true, plan_first: true, publish: true, test_command: true },
});

/** What Groundcrew decides itself; the rest is the runner's. */
export const GROUNDCREW_LINES: readonly string[] = Object.keys(ownLinesSchema.shape);

/** Name of Groundcrew's own MCP server, which no other one takes. */
const RESERVED_SERVER = "groundcrew";

const NOT_TRUSTED =
  "only the administrator may loosen: set it in the settings file, or trust_repository for this repository";

/** Retention of a policy that no runner reports any more: 30 days, as of its tickets. */
const POLICY_MS: Ms = 30 * DAY;

/** Interval between writes of an unchanged policy: 1 day. */
const RENEWAL_MS: Ms = DAY;

/** Of tickets that are still in the store after `tickets` was removed from the settings file. */
const NO_TICKETS: TicketSettings = ticketsSchema.parse({ repositories: { NONE: "/" } });

/**
 * Merges the lines of a repository.
 * @param identifier of the project, by which the settings name the repository
 */
export function mergePolicy(settings: TicketSettings, identifier: string, base: BaseBranch = {}): Policy {
  const given = settings.repositories[identifier];
  const own: Partial<RepositorySettings> = typeof given === "object" ? given : {};
  const { file = {}, rules = {}, servers = {}, sources = {} } = base;
  const isTrusted = own.trust_repository === true;
  const toOwn: ToLine = (name, value) => toLine(name, value, `tickets.repositories.${identifier}.${name}`);
  const toGiven: ToLine = (name, value) => toLine(name, value, sources[name] ?? POLICY_FILE);
  const grant = (line: PolicyLine) => (isTrusted ? line : leaveOut(line, NOT_TRUSTED));
  const [ownLists, fileLists, ruleLists]: Lists[] = [own, file, rules];
  const toLines = (name: keyof Lists, loosens: boolean) => {
    const theirs = [
      ...(fileLists?.[name] ?? []).map((value) => toGiven(name, value)),
      ...(ruleLists?.[name] ?? []).map((value) => toLine(name, value, CLAUDE_SETTINGS_FILE)),
    ];
    return [...(ownLists?.[name] ?? []).map((value) => toOwn(name, value)), ...(loosens ? theirs.map(grant) : theirs)];
  };

  const ordered = ORDERED.flatMap((name) => {
    const mine = own[name] === undefined ? getGeneral(settings, name) : toOwn(name, own[name]);
    const canLoosen = isTrusted && own[name] === undefined;
    return file[name] === undefined ? [mine] : chooseStricter(name, mine, toGiven(name, file[name]), canLoosen);
  });
  const neutral = NEUTRAL.flatMap((name) => {
    const [mine, theirs] = [toOwn(name, own[name]), toGiven(name, file[name])];
    if (file[name] === undefined) return [mine];
    if (own[name] !== undefined) return [mine, leaveOut(theirs, `${mine.from} counts`)];
    return [name === "cli" && getCliKind(file.cli) === "command" ? grant(theirs) : theirs];
  });
  const deny = toLines("deny", false);
  const allow = toLines("allow", true).map((line) =>
    deny.some(({ value }) => value === line.value) ? leaveOut(line, "the same rule is denied") : line,
  );
  const granted = Object.keys(servers).map((name) => {
    const line = toLine("mcp_server", name, MCP_FILE);
    return name === RESERVED_SERVER ? leaveOut(line, "the name is Groundcrew's own") : grant(line);
  });
  const prompts = [toOwn("prompt", own.prompt), toGiven("prompt", file.prompt)];
  const variables = chooseVariables(own, file, toOwn, toGiven, isTrusted);
  const lists = [...variables, ...deny, ...toLines("ask", false), ...allow, ...toLines("readable", true), ...prompts];
  const all: (PolicyLine | LeftOutLine)[] = [...ordered, ...neutral, ...lists, ...granted];
  const present = all.filter(({ value }) => value !== undefined);
  const isLeftOut = (line: PolicyLine | LeftOutLine): line is LeftOutLine => "why" in line;
  const lines = present.filter((line) => !isLeftOut(line));
  const values = toPolicyValues(lines, servers);
  const problems = [...findContradictions(values, lines), ...[own, file].flatMap(findOpposedRules)];
  return { values, lines, leftOut: present.filter(isLeftOut), problems };
}

type ToLine = (name: string, value: unknown) => PolicyLine;

type Lists = Partial<Record<"allow" | "ask" | "deny" | "readable", string[]>>;

function toLine(name: string, value: unknown, from: string): PolicyLine {
  return { name, value, from };
}

function leaveOut(line: PolicyLine, why: string): LeftOutLine {
  return { ...line, why };
}

/** Whether a line is one for all repositories, or a default. */
function isGeneral({ from }: Pick<PolicyLine, "from">): boolean {
  return from === "default" || (from.startsWith("tickets.") && !from.startsWith("tickets.repositories."));
}

/** The line for all repositories, or the default. */
function getGeneral(settings: TicketSettings, name: OrderedName): PolicyLine {
  if (name === "minutes" || name === "max_sessions" || name === "sandbox")
    return toLine(name, settings[name], `tickets.${name}`);
  const defaults = { permission_mode: "manual", network: "all", publish: "none", plan_first: false } as const;
  return toLine(name, name === "budget_usd" ? undefined : defaults[name], "default");
}

function chooseStricter(name: OrderedName, mine: PolicyLine, theirs: PolicyLine, canLoosen: boolean) {
  const difference = rankLooseness(name, theirs.value) - rankLooseness(name, mine.value);
  if (difference === 0) return [mine];
  if (difference < 0 || canLoosen) return [theirs];
  const isAdministrators = mine.from.startsWith("tickets.repositories.");
  return [mine, leaveOut(theirs, isAdministrators ? `${mine.from} counts: it is stricter` : NOT_TRUSTED)];
}

/** How loose a value is, in comparison with others of its line. */
export function rankLooseness(name: OrderedName, value: unknown): number {
  if (name in ORDERS) return (ORDERS[name as keyof typeof ORDERS] as unknown[]).indexOf(value);
  return typeof value === "number" ? value : Number.POSITIVE_INFINITY;
}

/** Variables of the runner: a file takes some away, and adds some where it is trusted and the settings name none. */
function chooseVariables(
  own: Pick<PolicyFile, "env">,
  file: PolicyFile,
  toOwn: ToLine,
  toGiven: ToLine,
  isTrusted: boolean,
): PolicyLine[] {
  const names = file.env;
  if (names === undefined) return (own.env ?? []).map((value) => toOwn("env", value));
  const canAdd = isTrusted && own.env === undefined;
  const taken = (own.env ?? []).filter((value) => !names.includes(value));
  return [
    ...names.map((value) => {
      if (own.env?.includes(value)) return toOwn("env", value);
      return canAdd ? toGiven("env", value) : leaveOut(toGiven("env", value), NOT_TRUSTED);
    }),
    ...taken.map((value) => leaveOut(toOwn("env", value), `env of ${toGiven("env", "").from} does not name it`)),
  ];
}

/** The values of lines. */
function toPolicyValues(lines: readonly PolicyLine[], servers: Record<string, object>): PolicyValues {
  const listValues = (name: string) => [
    ...new Set(lines.filter((line) => line.name === name).map(({ value }) => value)),
  ];
  const single = lines.filter(({ name }) => !LISTS.some((one) => one === name) && name !== "mcp_server");
  const granted = listValues("mcp_server");
  // Each line has the form of its schema.
  return {
    cli: "claude",
    ...Object.fromEntries(single.map(({ name, value }) => [name, value])),
    ...Object.fromEntries(LISTS.map((name) => [name, listValues(name)])),
    servers: Object.fromEntries(Object.entries(servers).filter(([name]) => granted.includes(name))),
  } as PolicyValues;
}

/** Lines that cannot be kept together, or not by this CLI. */
function findContradictions(values: PolicyValues, lines: readonly PolicyLine[]): string[] {
  const { cli, network, sandbox, permission_mode: mode, plan_first: plansFirst, budget_usd: budget } = values;
  const kind = getCliKind(cli);
  const name = getCliName(cli);
  const hasLine = (...names: string[]) =>
    lines.some((line) => names.includes(line.name) && line.from !== CLAUDE_SETTINGS_FILE);
  const isOther = kind !== "claude";
  return Object.entries({
    "network is model, which only a box keeps, and sandbox is off": network === "model" && sandbox === "off",
    "permission_mode is bypassPermissions, and sandbox is not required":
      mode === "bypassPermissions" && sandbox !== "required",
    [`${name} reports no money, so that budget_usd cannot be kept`]: isOther && budget !== undefined,
    [`${name} knows no permission_mode`]: isOther && mode !== "manual",
    [`${name} knows no rules: remove allow and deny`]: isOther && hasLine("allow", "deny"),
    [`${name} makes no plan, and plan_first is true`]: kind === "command" && plansFirst,
    [`${name} is a command, which gets no model and no prompt`]: kind === "command" && hasLine("model", "prompt"),
  }).flatMap(([text, isFound]) => (isFound ? [text] : []));
}

/** Rules that one source both allows and denies. */
function findOpposedRules({ allow = [], deny = [] }: Pick<PolicyFile, "allow" | "deny">): string[] {
  return allow.filter((rule) => deny.includes(rule)).map((rule) => `${rule} is in allow and in deny`);
}

/** Stores what a runner has read from the base branches. */
export async function recordPolicies(
  { store }: { store: Pick<Store, "now" | "read" | "commit"> },
  { runner, policies = [] }: Pick<ExchangeRequest, "runner" | "policies">,
): Promise<void> {
  if (policies.length === 0) return;
  const keys = policies.map(({ project }) => ticketKeys.policy(project));
  const [stored, at] = await Promise.all([store.read<PolicyRecord>(keys), store.now()]);
  const put = policies.flatMap((report, i) => {
    const known = stored[i]?.value;
    const isSame = known?.runner === runner && JSON.stringify(known.report) === JSON.stringify(report);
    if (isSame && at - known.at < RENEWAL_MS) return [];
    return [{ key: ticketKeys.policy(report.project), value: { runner, at, report }, expires: POLICY_MS }];
  });
  if (put.length > 0) await store.commit({ put });
}

/** Reads the policy of a repository. What Groundcrew decides follows also from its own settings. */
export async function readPolicy({ settings, store }: PolicyDeps, identifier: string): Promise<KnownPolicy> {
  const tickets = settings.tickets ?? NO_TICKETS;
  const [stored] = await store.read<PolicyRecord>([ticketKeys.policy(identifier)]);
  if (!stored) return mergePolicy(tickets, identifier);
  const { lines: reported, left_out, problem } = stored.value.report;
  const isOwn = ({ name }: { name: string }) => GROUNDCREW_LINES.includes(name);
  // What the runner's settings say about all repositories is no wish for this one.
  const given = reported.filter((line) => isOwn(line) && !isGeneral(line));
  const file = ownLinesSchema.safeParse(Object.fromEntries(given.map(({ name, value }) => [name, value]))).data;
  const sources = Object.fromEntries(reported.map(({ name, from }) => [name, from]));
  const own = mergePolicy(tickets, identifier, { sources, ...omitUndefined({ file }) });
  const lines = [...own.lines.filter(isOwn), ...reported.filter((line) => !isOwn(line))];
  const leftOut = [...own.leftOut.filter(isOwn), ...left_out];
  const values = toPolicyValues(lines, {});
  return { values, lines, leftOut, problems: problem === undefined ? [] : [problem], read: stored.value };
}

/** Whether an approved result of a ticket is published before it is written to Plane. */
export async function needsPublication(deps: PolicyDeps, { item }: Pick<Ticket, "item">): Promise<boolean> {
  return (await readPolicy(deps, item.identifier)).values.publish !== "none";
}

/** The CLI that works on a ticket once it is approved as it is shown: that of its label, or of its repository. */
export async function chooseTicketCli(
  deps: PolicyDeps,
  { item, shown }: Ticket,
): Promise<{ cli: Cli; label?: string }> {
  const { label = "" } = shown.content.cli ?? {};
  const cli = deps.settings.tickets?.cli_by_label?.[label];
  return cli ? { cli, label } : { cli: (await readPolicy(deps, item.identifier)).values.cli };
}

/** The time of a session of a ticket in minutes, by the policy of its repository. */
export async function readMinutes(deps: PolicyDeps, ticket: string): Promise<number> {
  return (await readPolicy(deps, parseTaskKey(ticket)?.identifier ?? "")).values.minutes;
}

/** The kind of a CLI. */
export function getCliKind(cli: Cli = "claude"): "claude" | "codex" | "command" {
  return typeof cli === "string" ? cli : "command";
}

/** The name under which people read of a CLI. */
export function getCliName(cli: Cli): string {
  if (typeof cli === "object") return cli.command[0]?.split("/").at(-1) ?? "";
  return cli === "codex" ? "Codex" : "Claude Code";
}

/** Says what a CLI cannot do, where somebody might expect it; undefined for Claude Code, which can do all. */
export function describeCliLimits(
  cli: Cli,
  { limits }: { limits: Record<"codex" | "command", string> },
): string | undefined {
  if (cli === "claude") return undefined;
  return cli === "codex" ? limits.codex : formatTemplate(limits.command, { command: getCliName(cli) });
}
