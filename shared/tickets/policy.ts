/**
 * The policy of a repository: the lines of the settings and those of its own file on the base branch become the lines in
 * force. The stricter one wins, and only the administrator loosens. Pure.
 */

import type { PolicyFile, RepositorySettings, TicketSettings } from "../config/tickets-schema.ts";
import { getCliKind, getCliName } from "./cli.ts";

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

type OptionalName = "setup" | "test_command" | "base" | "model" | "budget_usd";

type OwnLines = Partial<RepositorySettings>;

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

/** What Groundcrew decides itself; the rest is the runner's. */
export const GROUNDCREW_LINES: readonly string[] = [
  ...["minutes", "budget_usd", "max_sessions", "plan_first", "publish", "test_command"],
];

/** Name of Groundcrew's own MCP server, which no other one takes. */
const RESERVED_SERVER = "groundcrew";

const NOT_TRUSTED =
  "only the administrator may loosen: set it in the settings file, or trust_repository for this repository";

/**
 * Merges the lines of a repository.
 * @param identifier of the project, by which the settings name the repository
 */
export function mergePolicy(settings: TicketSettings, identifier: string, base: BaseBranch = {}): Policy {
  const given = settings.repositories[identifier];
  const own: OwnLines = typeof given === "object" ? given : {};
  const { file = {}, rules = {}, servers = {}, sources = {} } = base;
  const toOwn = (name: string, value: unknown) => toLine(name, value, `tickets.repositories.${identifier}.${name}`);
  const toGiven = (name: string, value: unknown) => toLine(name, value, sources[name] ?? POLICY_FILE);
  const isTrusted = own.trust_repository === true;
  const grant = (line: PolicyLine) => (isTrusted ? line : leaveOut(line, NOT_TRUSTED));
  const listOwn = (name: "allow" | "deny" | "readable") => (own[name] ?? []).map((value) => toOwn(name, value));
  const listGiven = (name: "allow" | "deny" | "readable") => (file[name] ?? []).map((value) => toGiven(name, value));
  const listRules = (name: "allow" | "ask" | "deny") =>
    (rules[name] ?? []).map((value) => toLine(name, value, CLAUDE_SETTINGS_FILE));

  const ordered = ORDERED.flatMap((name) => {
    const mine = own[name] === undefined ? getGeneral(settings, name) : toOwn(name, own[name]);
    const canLoosen = isTrusted && own[name] === undefined;
    return file[name] === undefined ? [mine] : chooseStricter(name, mine, toGiven(name, file[name]), canLoosen);
  });
  const neutral = NEUTRAL.flatMap((name) => {
    if (file[name] === undefined) return [toOwn(name, own[name])];
    const theirs = toGiven(name, file[name]);
    if (own[name] !== undefined) return [toOwn(name, own[name]), leaveOut(theirs, describeWinner(toOwn(name, "")))];
    return [getCliKind(file.cli) === "command" && name === "cli" ? grant(theirs) : theirs];
  });
  const deny = [...listOwn("deny"), ...listGiven("deny"), ...listRules("deny")];
  const allow = [...listOwn("allow"), ...[...listGiven("allow"), ...listRules("allow")].map(grant)].map((line) =>
    deny.some(({ value }) => value === line.value) ? leaveOut(line, "the same rule is denied") : line,
  );
  const all: (PolicyLine | LeftOutLine)[] = [
    ...[...ordered, ...neutral],
    ...chooseVariables(own, file, toOwn, toGiven, isTrusted),
    ...[...deny, ...listRules("ask"), ...allow],
    ...[...listOwn("readable"), ...listGiven("readable").map(grant)],
    ...[toOwn("prompt", own.prompt), toGiven("prompt", file.prompt)],
    ...Object.keys(servers).map((name) => {
      const line = toLine("mcp_server", name, MCP_FILE);
      return name === RESERVED_SERVER ? leaveOut(line, "the name is Groundcrew's own") : grant(line);
    }),
  ].filter(({ value }) => value !== undefined);
  const isLeftOut = (line: PolicyLine | LeftOutLine): line is LeftOutLine => "why" in line;
  const lines = all.filter((line) => !isLeftOut(line));
  const values = toPolicyValues(lines, servers);
  const problems = [...findContradictions(values, lines), ...[own, file].flatMap(findOpposedRules)];
  return { values, lines, leftOut: all.filter(isLeftOut), problems };
}

function toLine(name: string, value: unknown, from: string): PolicyLine {
  return { name, value, from };
}

function leaveOut(line: PolicyLine, why: string): LeftOutLine {
  return { ...line, why };
}

function describeWinner({ from }: PolicyLine): string {
  return `${from} counts`;
}

/** Whether a line is one for all repositories, or a default. */
export function isGeneral({ from }: Pick<PolicyLine, "from">): boolean {
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
  return [mine, leaveOut(theirs, isAdministrators ? `${describeWinner(mine)}: it is stricter` : NOT_TRUSTED)];
}

/** How loose a value is, in comparison with others of its line. */
export function rankLooseness(name: OrderedName, value: unknown): number {
  if (name in ORDERS) return (ORDERS[name as keyof typeof ORDERS] as unknown[]).indexOf(value);
  return typeof value === "number" ? value : Number.POSITIVE_INFINITY;
}

/** Variables of the runner: a file takes some away, and adds some only where it is trusted and the settings name none. */
function chooseVariables(
  own: OwnLines,
  file: PolicyFile,
  toOwn: (name: string, value: unknown) => PolicyLine,
  toGiven: (name: string, value: unknown) => PolicyLine,
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
export function toPolicyValues(lines: readonly PolicyLine[], servers: Record<string, object>): PolicyValues {
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
