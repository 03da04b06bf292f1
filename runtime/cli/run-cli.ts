/**
 * The command `groundcrew`: its table of commands, the commands of tickets, help, and the tools of the server, each a
 * command by its name. Rarely used commands are loaded only when they are called.
 */

import { text } from "node:stream/consumers";
import { getErrorMessage } from "../../shared/errors.ts";
import { findNearestName } from "../../shared/names.ts";
import { keepDefined, omitUndefined } from "../../shared/omit-undefined.ts";
import type { RenderedWhy } from "../../shared/tasks/why.ts";
import type { describePolicy } from "../../shared/tickets/ticket-views.ts";
import { VERSION } from "../../shared/version.ts";
import { BackupError } from "../backup/manifest.ts";
import { createStatusLine, endOnSignals } from "../node/process.ts";
import {
  type ApiClient,
  createApiClient,
  findServerAddress,
  readAdminToken,
  readAgentToken,
  rejectTokenArguments,
} from "./api-client.ts";
import { adaptFileSpec, FILE_TOOLS } from "./files.ts";
import {
  type CliOptions,
  defineField,
  getToolSpec,
  parseCliInput,
  parseCliOptions,
  parsePairs,
  type ToolField,
  type ToolSpec,
  toToolSpec,
} from "./options.ts";
import {
  CommandError,
  type CommandHost,
  createUsageError,
  EXIT,
  formatAnswer,
  formatForTerminal,
  formatJsonLine,
} from "./output.ts";

interface CliEnvironment extends CommandHost {
  out: (text: string) => void;
}

/** A command that is no tool. */
interface Command {
  /** Undefined where the command shows help by itself. */
  help?: string;
  /** Returns what it prints, with an exit code where that does not follow from an error. */
  run: (options: CliOptions, host: CommandHost) => Promise<string | { output: string; exit: number }>;
}

/** The commands of this machine. They are loaded when they are called, because every tool would wait for them. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  start: async () => (await import("./start-command.ts")).startCommand,
  runner: async () => (await import("./runner-command.ts")).runnerCommand,
  openclaw: async () => (await import("./openclaw-command.ts")).openclawCommand,
  backup: async () => (await import("./backup-commands.ts")).backupCommand,
  restore: async () => (await import("./backup-commands.ts")).restoreCommand,
};

const USAGE = `groundcrew
groundcrew <command> [options]
groundcrew <tool> [options]

Without a command it starts Groundcrew: with settings the product, without any the demo. With a tool's name it calls
this tool for an agent: lists, claims, does and reports tasks.

  --json     print the answer as JSON, for programs
  --help     show this help, or the options of a command or tool
  --version  show the version

groundcrew start starts Groundcrew (groundcrew start --help).
groundcrew provision sets Plane up, and groundcrew doctor checks everything.
groundcrew agents adds an agent or takes it back (groundcrew agents --help).
groundcrew why <task> says why nothing happens with a task.
groundcrew people lists the people with their roles.
groundcrew schedules lists recurring work with its next ten times.
groundcrew requests lists and answers what waits for a person, and groundcrew tickets is for people who judge tickets.
groundcrew runner runs approved tickets as Claude Code sessions on this machine (groundcrew runner --help).
groundcrew openclaw upgrades OpenClaw on this machine, with a backup and a way back (groundcrew openclaw --help).
groundcrew backup and groundcrew restore save and restore an installation (groundcrew backup --help).

Tools require GROUNDCREW_URL, for example https://crew.example.com, and the agent's token in GROUNDCREW_TOKEN, in the file that
GROUNDCREW_TOKEN_FILE names, or in .groundcrew/token in this folder or one above (readable by you only).

Exit codes: ${EXIT.done} success, ${EXIT.failed} refused or failed, ${EXIT.usage} wrong command, ${EXIT.later} temporary failure,
${EXIT.token} no valid token.
`;

type PersonCommand = ToolSpec & { route: string };

/** What `GET /api/tickets/policies/:id` answers. */
type PolicyAnswer = Awaited<ReturnType<typeof describePolicy>>;

/** Width of the column of values in characters: 60; longer ones are followed by their place. */
const MAX_VALUE_WIDTH = 60;

/**
 * What people do, with ADMIN_TOKEN. A line for each command: its name, its route, whose field in the path is the
 * subject, and what it does. Below it a line for each option: `!` marks those that are needed, `*` those whose value
 * needs no name, and a kind follows a colon.
 */
const PERSON_COMMANDS = parseCommands(`
why GET /api/tasks/:task/why Says why nothing happens with a task, or what does.
  task!* the task's key, such as ONB-12
people GET /api/people Lists the people with their role, Telegram number and last sign-in.
schedules GET /api/schedules Lists recurring work of the settings file and of Plane, with its last occurrence and \
the next ten of all.
`);

const GROUPS: Record<string, { commands: PersonCommand[]; usage: string }> = {
  requests: {
    usage: "groundcrew requests <command> [id] [options]",
    commands: parseCommands(`
list GET /api/requests Lists what waits for a person.
show GET /api/requests/:id Shows a request with all that is judged.
  id!* the request's id
answer POST /api/requests/:id Answers a request: answer ID approve --hash ….
  id!* the request's id
  answer!* one of its answers, such as approve, or answer with a comment
  hash! its hash, as it was read
  comment the answer to a question, or why; - reads standard input
`),
  },
  tickets: {
    usage: "groundcrew tickets <command> [ticket] [options]",
    commands: parseCommands(`
list GET /api/pending-tickets Lists the tickets that wait for approval.
sessions GET /api/sessions Lists sessions, their questions, and the connected runners.
completed GET /api/completed-tickets Lists the results that wait for their update.
approve POST /api/approve/:task Approves a ticket: its session starts.
  hash hash of the version that was read
reject POST /api/reject/:task Rejects a ticket.
  reason why
answer POST /api/sessions/:task/answer Answers a question of a session.
  question! id of the question
  answer! allow, allow_always, allow_in_repo, deny, resume, or a text
  hash hash of the input that was read
rules GET /api/permission-rules Lists the rules that allow tools without asking.
revoke POST /api/permission-rules/remove Takes a rule back.
  id! id of the rule
policy GET /api/tickets/policies/:id Shows what is in force for a repository or a ticket, and where each line \
comes from.
  id!* the project's identifier, such as ONB, or a ticket's key
complete POST /api/sessions/:task/complete Completes a ticket; its session is stopped.
  summary! what was done
cancel POST /api/sessions/:task/cancel Cancels a ticket; its session is stopped.
extend POST /api/sessions/:task/extend Gives a session more time.
  minutes:number minutes
start POST /api/sessions/:task/start Starts a session whose start has failed at once.
update POST /api/update-plane/:task Approves the update of Plane with a ticket's result, and writes it.
  summary replaces the summary of the completion
send-back POST /api/sessions/:task/send-back Sends a result back to its session.
  text! what should change; - reads standard input
worktrees GET /api/worktrees Lists worktrees with their sizes, and why they are kept.
remove POST /api/sessions/:task/remove Removes the worktree of a ticket.
  force:boolean also with changes that are not merged
add POST /api/test/add-ticket Adds a ticket for a test; needs ALLOW_TEST_TICKETS=1.
  id! its key, such as ONB-12
  uuid! Plane's id of the work item
  project_id! Plane's id of the project
  title! its title
  description its text; - reads standard input
  trigger_type is accepted, and is always test
  created_at when it was created, ISO 8601
add-test POST /api/test/add-ticket Adds a ticket for a test: add-test ONB-12 Title.
  id!* its key, such as ONB-12
  title!* its title
  description its text; - reads standard input
`),
  },
};

/** Everything that is called by its name and is no tool. */
const PROGRAM_NAMES = [
  ...["agents", "provision", "doctor", ...Object.keys(COMMANDS), ...Object.keys(GROUPS)],
  ...PERSON_COMMANDS.map(({ name }) => name),
];

/** How people read answers that are no list of fields, by their routes. */
const FORMATS: Record<string, (answer: never) => string> = {
  "GET /api/tasks/:task/why": ({ text, remedy }: RenderedWhy) =>
    formatForTerminal([text, ...(remedy ? [`On the page: ${remedy.label}`] : [])].join("\n")),
  "GET /api/tickets/policies/:id": formatPolicy,
};

/** Parses a table of commands. Each whose route has a ticket's key takes it without a name. */
function parseCommands(table: string): PersonCommand[] {
  return table
    .trim()
    .split(/\n(?! )/)
    .map((block) => {
      const [head = "", ...options] = block.split("\n");
      const [, name = "", route = "", description = ""] = /^(\S+) (\S+ \S+) (.*)$/.exec(head) ?? [];
      const ticket = route.includes("/:task") && !options.some((option) => option.startsWith("  task!"));
      const rows = [...(ticket ? ["  task!* the ticket's key, such as ONB-12"] : []), ...options].map((option) => {
        const [, field = "", kind = "text", marks = "", meaning] = /^ {2}(\w+):?(\w+)?([!*]*) (.*)$/.exec(option) ?? [];
        const more = { kind: kind as ToolField["kind"], required: marks.includes("!") };
        return { field: defineField(field, meaning, more), isUnnamed: marks.includes("*") };
      });
      const unnamed = rows.flatMap(({ field, isUnnamed }) => (isUnnamed ? [field.name] : []));
      return { name, route, description, fields: rows.map(({ field }) => field), unnamed };
    });
}

/** Runs `groundcrew` with these arguments and returns its exit code. */
export async function runCli(args: readonly string[], host: CliEnvironment): Promise<number> {
  const options = parseCliOptions(args);
  try {
    rejectTokenArguments(args, host.env);
    const result = await executeCommand(options, host);
    const { output, exit } = typeof result === "string" ? { output: result, exit: EXIT.done } : result;
    host.out(output);
    return exit;
  } catch (thrown) {
    const { code, message, retryAfter, exit } = toCommandError(thrown);
    const wait = retryAfter === undefined ? "" : ` (try again in ${retryAfter} s)`;
    const fields = { code, message, ...omitUndefined({ retry_after: retryAfter }) };
    host.err(options.json ? formatJsonLine({ error: fields }) : formatForTerminal(`groundcrew: ${message}${wait}`));
    return exit;
  }
}

/** Runs it with the arguments of this process, and sets its exit code. */
export async function runCliProcess(): Promise<void> {
  const [name = "start", ...rest] = process.argv.slice(2);
  // Without a command, for example with --port alone, the product is started.
  const args = name.startsWith("--port") ? ["start", name, ...rest] : [name, ...rest];
  const status = createStatusLine();
  // A program that reads our output, such as `head`, may close the pipe early.
  process.stdout.on("error", () => process.exit());
  // `start` and `runner` end in order. Whoever stops another command gets one sentence; the same one continues it.
  if (!["start", "runner"].includes(args[0] ?? ""))
    endOnSignals(status, "groundcrew: stopped before the end. Run the same command again to continue.");
  const { env, stdin } = process;
  const out = (text: string) => {
    status.show("");
    process.stdout.write(text);
  };
  process.exitCode = await runCli(args, { env, cwd: process.cwd(), stdin, out, err: status.write, status });
  status.show("");
}

async function executeCommand(options: CliOptions, host: CommandHost): ReturnType<Command["run"]> {
  const { tool, rest, version, help } = options;
  if (version) return `${VERSION}\n`;
  if (tool === undefined && rest.length > 0) throw createUnknownOptionError(rest[0] ?? "");
  if (tool === undefined) return buildHelp(host);
  if (Object.hasOwn(GROUPS, tool)) return runGroupCommand(tool, options, host);
  const forPeople = PERSON_COMMANDS.find(({ name }) => name === tool);
  if (forPeople) return callPersonRoute(forPeople, options, host);
  const command = Object.hasOwn(COMMANDS, tool) ? await COMMANDS[tool]?.() : undefined;
  if (!command) return runToolCommand(tool, options, host);
  return help && command.help !== undefined ? formatForTerminal(command.help) : command.run(options, host);
}

function createUnknownOptionError(option: string): CommandError {
  const nearest = findNearestName(option, ["--help", "--json", "--version", "--port"]);
  const hint = nearest ? `Did you mean ${nearest}?` : "groundcrew --help lists what there is.";
  return createUsageError(`Unknown option ${option.slice(0, 60)}. ${hint}`);
}

/** Calls a tool of the server, or streams its file from or to the local disk. */
async function runToolCommand(tool: string, { rest, json, help }: CliOptions, host: CommandHost): Promise<string> {
  const api = await connectToApi(host)
    .then(async (client) => ({ client, specs: await client.specs() }))
    .catch(async (thrown: unknown) => {
      const specs = [await checkArguments(tool, rest)];
      if (help) return { client: undefined, specs };
      throw thrown;
    });
  const spec = adaptFileSpec(getToolSpec(api.specs, tool, "command", PROGRAM_NAMES));
  if (help || !api.client) return formatForTerminal(renderToolHelp(spec));
  const { client } = api;
  const input = await parseCliInput(spec, rest, createStdinReader(host.stdin));
  const transfer = FILE_TOOLS[spec.name];
  const answer = await (transfer ? transfer(client, host.cwd, input) : client.call(spec.name, input));
  return json ? formatJsonLine(answer) : formatAnswer(answer);
}

/**
 * Finds a tool of this version, and throws a usage error for a mistyped command, tool or option; this needs neither a
 * token nor a connection.
 */
async function checkArguments(tool: string, rest: readonly string[]): Promise<ToolSpec> {
  const { getToolDefinition } = await import("../../functions/agent/tool.ts");
  const { TOOLS } = await import("../../functions/agent/tools.ts");
  const specs = TOOLS.map((one) => toToolSpec(getToolDefinition(one)));
  const spec = getToolSpec(specs, tool, "command", PROGRAM_NAMES);
  parsePairs(adaptFileSpec(spec), rest);
  return spec;
}

/** The help, which also works without a token or a connection; only the list of the agent's tools needs them. */
async function buildHelp(host: CommandHost): Promise<string> {
  const tools = await connectToApi(host)
    .then((client) => client.specs())
    .then((specs) => `Tools (groundcrew <tool> --help shows the options):\n${renderNames(specs)}`)
    .catch((thrown: unknown) => `The tools cannot be listed: ${getErrorMessage(thrown)}`);
  return formatForTerminal(`${USAGE}\n${tools}\n`);
}

async function connectToApi({ env, cwd }: CommandHost): Promise<ApiClient> {
  return createApiClient(findServerAddress(env), await readAgentToken(env, cwd));
}

function renderNames(specs: readonly ToolSpec[]): string {
  const width = Math.max(0, ...specs.map(({ name }) => name.length));
  return specs.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`).join("\n");
}

/** Runs `groundcrew tickets <command>` or `groundcrew requests <command>`. */
async function runGroupCommand(group: string, options: CliOptions, host: CommandHost): Promise<string> {
  const { commands, usage } = GROUPS[group] ?? { commands: [], usage: "" };
  const [command, ...rest] = options.rest;
  const key =
    "Requires GROUNDCREW_URL, and ADMIN_TOKEN or the file that ADMIN_TOKEN_FILE names (readable by you only).";
  if (command === undefined && options.help)
    return formatForTerminal([usage, "", renderNames(commands), "", key].join("\n"));
  const names = commands.map(({ name }) => name).join("|");
  if (command === undefined) throw createUsageError(`The command is missing: groundcrew ${group} <${names}>`);
  const found = getToolSpec(commands, command, "command");
  return callPersonRoute({ ...found, name: `${group} ${found.name}` }, { ...options, rest }, host);
}

/** Calls the route of a command for people, whose first field in the path is its subject. */
async function callPersonRoute(
  { route, ...spec }: PersonCommand,
  { rest, json, help }: CliOptions,
  { env, stdin }: CommandHost,
): Promise<string> {
  if (help) return formatForTerminal(renderToolHelp(spec));
  const input = await parseCliInput({ ...spec, name: `groundcrew ${spec.name}` }, rest, createStdinReader(stdin));
  const client = createApiClient(env["GROUNDCREW_URL"], await readAdminToken(env));
  const [method, pattern = ""] = route.split(" ");
  const subject = /:(\w+)/.exec(pattern)?.[1] ?? "";
  const path = pattern.replace(`:${subject}`, encodeURIComponent(String(input[subject])));
  const { [subject]: _, ...body } = input;
  const answer = await (method === "POST" ? client.post(path, body) : client.get(path));
  return json ? formatJsonLine(answer) : (FORMATS[route] ?? formatAnswer)(answer as never);
}

/** Formats the policy of a repository: a line with its value and its place each, and below what is not in force. */
function formatPolicy({ project, base, commit, problems, lines, left_out }: PolicyAnswer): string {
  const toText = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));
  const rows = [...lines, ...left_out].map(({ name, value }) => `${name}: ${toText(value)}`);
  const width = Math.min(MAX_VALUE_WIDTH, Math.max(0, ...rows.map((row) => row.length)));
  const render = (place: string, i: number) => `  ${(rows[i] ?? "").padEnd(width)}  ${place}`;
  const notInForce = left_out.map(({ from, why }, i) => render(`${from}: ${why}`, lines.length + i));
  return formatForTerminal(
    [
      base === undefined ? project : `${project}, ${base} ${commit}`,
      ...problems.map((problem) => `! ${problem}`),
      ...lines.map(({ from, added_at: at }, i) => render(at === undefined ? from : `${from}, ${at}`, i)),
      ...(notInForce.length > 0 ? ["Not in force:", ...notInForce] : []),
    ].join("\n"),
  );
}

/** Renders `groundcrew <tool> --help`. */
function renderToolHelp({ name, description, fields }: ToolSpec): string {
  const optionRows = fields.map(
    (field) => [`--${field.name} ${formatFieldKind(field)}`, formatFieldDescription(field)] as const,
  );
  const width = Math.max(0, ...optionRows.map(([option]) => option.length));
  const options = optionRows.map(([option, text]) => `  ${option.padEnd(width)}  ${text}`.trimEnd());
  const task = fields.some((field) => field.name === "task") ? " [task]" : "";
  return `groundcrew ${name}${task} [options]\n\n${description}\n\n${options.join("\n")}\n\nA value of - is read from standard input.\n`;
}

function formatFieldKind({ kind, choices }: ToolField): string {
  if (choices) return choices.join("|");
  return { text: "<text>", number: "<number>", boolean: "", list: "<a,b,…>", json: "<json>", either: "<text|json>" }[
    kind
  ];
}

function formatFieldDescription({ required, description, nullable }: ToolField): string {
  const notes = keepDefined([required ? "required" : undefined, nullable ? "null removes it" : undefined]);
  return [description ?? "", notes.length > 0 ? `(${notes.join("; ")})` : ""].filter((part) => part !== "").join(" ");
}

/** Creates a reader of the whole standard input; it can be used for one value only. */
function createStdinReader(stdin: NodeJS.ReadableStream): () => Promise<string> {
  let isUsed = false;
  return async () => {
    if (isUsed) throw createUsageError("Only one value can be read from standard input.");
    isUsed = true;
    return text(stdin);
  };
}

function toCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  if (!(thrown instanceof BackupError)) return new CommandError(EXIT.failed, getErrorMessage(thrown));
  const { kind, message } = thrown;
  return new CommandError(kind === "setting" ? EXIT.config : EXIT.failed, message, { code: kind });
}
