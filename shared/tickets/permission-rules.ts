/**
 * Rules by which a session may run a tool without asking: a person adds one with an answer, for a ticket or for the
 * tickets of its repository. Each use is a step of the ticket that names the rule, and anybody who may answer can take
 * it back.
 */

import type { TaskDeps } from "../app/deps.ts";
import { GroundcrewError } from "../errors.ts";
import { sha256Hex } from "../hashing.ts";
import type { Put, StoreKey } from "../store/port.ts";
import { readAllRows, updateValue, type ValueUpdate } from "../store/records.ts";
import type { RequestVerdict } from "../task/request.ts";
import { DAY, type Ms } from "../time.ts";
import { ALLOW_IN_REPO, isAlways, type Ticket } from "./ticket.ts";
import type { ToolCall } from "./tool-input.ts";

/** What a rule allows and where, who added it, and how often it was used. */
export interface PermissionRule {
  id: string;
  /** In the form of Claude Code's rules: `Bash(npm test:*)`. */
  rule: string;
  /** A ticket's key, or the identifier of the repository's project. */
  subject: string;
  by: string;
  at: Ms;
  uses: number;
}

/** Retention of a rule that nobody uses: 90 days, so that what nobody remembers ends. */
const RULE_MS: Ms = 90 * DAY;

/** Limit of a rule's text in UTF-16 units: 100, what a button and a line of a phone show. */
const MAX_RULE_LENGTH = 100;

const RULES_SET = "permission-rules";

/**
 * A command that a rule may cover: words without anything that a shell treats specially. Substitution, redirection,
 * quoting, patterns, a second command and another line are outside, whatever the rule says.
 */
const PLAIN_COMMAND = /^[\w@%+=:,./-]+(?: [\w@%+=:,./-]+)*$/;

/** The first words of commands that a rule names whole: they run what their arguments say, or destroy it. */
const WHOLE_COMMANDS = new Set([
  ...["bash", "sh", "zsh", "env", "exec", "eval", "sudo", "su", "xargs", "nohup", "timeout", "time", "watch", "ssh"],
  ...["node", "deno", "bun", "npx", "python", "python3", "perl", "ruby", "php", "awk", "sed", "find", "tee", "dd"],
  ...["rm", "mv", "cp", "ln", "chmod", "chown", "curl", "wget", "nc", "docker", "kubectl", "make", "source"],
]);

/** Subcommands whose further words may run or destroy anything. */
const WHOLE_SUBCOMMANDS = new Set(["exec", "x", "dlx", "push", "clean", "reset", "config", "publish"]);

/** Tools for which a rule names one file. */
const FILE_TOOLS: readonly string[] = ["Edit", "Write", "Read", "NotebookEdit"];

/** Fields of a command that change nothing about what runs. */
const HARMLESS_FIELDS: readonly string[] = ["command", "description", "timeout"];

const ruleKey = (id: string): StoreKey => `permission-rule:${id}`;

/**
 * Suggests the rule that would allow a call from now on: a command with its subcommand and any further words, a whole
 * command, a file, the host of an address, or a tool of an MCP server with any input. Undefined where none is offered.
 */
export function suggestRule(call: ToolCall): string | undefined {
  const { tool_name: tool = "" } = call;
  const scope = findScope(call);
  if (scope === undefined) return undefined;
  const rule = scope === "" ? tool : `${tool}(${scope})`;
  return rule.length <= MAX_RULE_LENGTH && isCovered(rule, call) ? rule : undefined;
}

/** What is in the brackets of a rule for a call; empty for a tool with any input. */
function findScope({ tool_name: tool = "", tool_input }: ToolCall): string | undefined {
  const { command, url, file_path, notebook_path } = toFields(tool_input);
  if (tool === "Bash") return typeof command === "string" ? toCommandScope(command) : undefined;
  if (tool === "WebFetch") return toDomain(url);
  if (FILE_TOOLS.includes(tool)) return toFile(file_path ?? notebook_path);
  return /^mcp__[\w-]+__[\w-]+$/.test(tool) ? "" : undefined;
}

function toCommandScope(command: string): string {
  const [program = "", subcommand = ""] = command.split(" ");
  const isNamed = /^[a-z][\w-]*$/.test(program) && /^[a-z][\w:-]*$/.test(subcommand);
  const needsWhole = WHOLE_COMMANDS.has(program) || WHOLE_SUBCOMMANDS.has(subcommand);
  return isNamed && !needsWhole ? `${program} ${subcommand}:*` : command;
}

function toDomain(url: unknown): string | undefined {
  const { protocol = "", hostname, username, password } = (typeof url === "string" && URL.parse(url)) || {};
  return /^https?:$/.test(protocol) && username === "" && password === "" ? `domain:${hostname}` : undefined;
}

function toFile(path: unknown): string | undefined {
  const isPlain = typeof path === "string" && /^\/[\w@+=:,./ -]+$/.test(path) && !path.includes("..");
  return isPlain ? path : undefined;
}

function toFields(input: unknown): Readonly<Record<string, unknown>> {
  return typeof input === "object" && input !== null ? { ...input } : {};
}

/** Whether a rule allows a call. What the rule does not name plainly is not covered. */
function isCovered(rule: string, call: ToolCall): boolean {
  const { tool_name: tool = "", tool_input } = call;
  if (rule === tool) return findScope(call) === "";
  const scope = rule.startsWith(`${tool}(`) && rule.endsWith(")") ? rule.slice(tool.length + 1, -1) : undefined;
  if (scope === undefined) return false;
  if (tool !== "Bash") return findScope(call) === scope;
  const { command = "", ...others } = toFields(tool_input);
  const isPlain = typeof command === "string" && PLAIN_COMMAND.test(command);
  if (!isPlain || Object.keys(others).some((name) => !HARMLESS_FIELDS.includes(name))) return false;
  const prefix = scope.endsWith(":*") ? scope.slice(0, -2) : undefined;
  return prefix === undefined ? command === scope : command === prefix || command.startsWith(`${prefix} `);
}

/** Lists the rules, the newest first. */
export async function readRules(deps: Pick<TaskDeps, "store">): Promise<PermissionRule[]> {
  const rows = await readAllRows<PermissionRule>(deps, RULES_SET);
  return rows.map(({ value }) => value).sort((a, b) => b.at - a.at);
}

/** Takes a rule back; throws `not_found` for one that is not there. */
export async function removeRule(deps: Pick<TaskDeps, "store">, id: string): Promise<void> {
  await updateValue<PermissionRule>(deps, ruleKey(id), (rule) => {
    if (!rule) throw createGoneError("not_found", "There is no such rule. GET /api/permission-rules lists them.");
    return { put: [{ key: ruleKey(id), value: undefined }] };
  });
}

function createGoneError(code: "not_found" | "conflict", message: string): GroundcrewError {
  return new GroundcrewError(code, message, { refusal: { name: "ruleGone" } });
}

/** Finds a rule that covers a call of a ticket's session. */
export async function findCoveringRule(
  deps: Pick<TaskDeps, "store">,
  { key, item }: Pick<Ticket, "key" | "item">,
  call: ToolCall,
): Promise<PermissionRule | undefined> {
  const rules = await readRules(deps);
  return rules.find(({ rule, subject }) => [key, item.identifier].includes(subject) && isCovered(rule, call));
}

/** Counts a use of a rule, for its commit. Throws `conflict` for one that was taken back: it allows nothing. */
export async function prepareRuleUse({ store }: Pick<TaskDeps, "store">, id: string): Promise<ValueUpdate> {
  const [present] = await store.read<PermissionRule>([ruleKey(id)]);
  if (!present) throw createGoneError("conflict", "The rule was taken back.");
  const { value, rev } = present;
  return { expect: [[ruleKey(id), rev]], put: [toPut({ ...value, uses: value.uses + 1 })] };
}

/** Adds the rule that the answer to a session's request says, if it says one, for its commit. */
export async function prepareNewRule(
  { key, item, questions }: Ticket,
  question: string,
  { answer, by, at }: RequestVerdict,
): Promise<ValueUpdate> {
  const rule = isAlways(answer) ? questions.find(({ id }) => id === question)?.session.rule : undefined;
  if (rule === undefined) return {};
  const subject = answer === ALLOW_IN_REPO ? item.identifier : key;
  const id = (await sha256Hex(JSON.stringify([subject, rule]))).slice(0, 16);
  return { put: [toPut({ id, rule, subject, by, at, uses: 0 })] };
}

function toPut(value: PermissionRule): Put {
  return { key: ruleKey(value.id), value, sets: [RULES_SET], expires: RULE_MS };
}
