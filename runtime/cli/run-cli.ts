import { text } from "node:stream/consumers";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { VERSION } from "../../shared/version.ts";
import { BackupError } from "../backup/backup-error.ts";
import { readEnvironment } from "../node/settings-files.ts";
import { readAgentToken, rejectTokenArguments } from "./agent-token.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { CommandError, createUsageError, EXIT } from "./command-error.ts";
import { adaptDownloadSpec, DOWNLOAD_TOOL, downloadToFile } from "./download-file.ts";
import { renderHelp, renderToolHelp } from "./help.ts";
import { type CliOptions, getToolSpec, parseCliInput, parseCliOptions } from "./options.ts";
import { runTicketCommand } from "./run-tickets.ts";
import { findServerAddress } from "./server-address.ts";
import { formatAnswer, formatForTerminal, formatJsonLine } from "./terminal-output.ts";
import { adaptUploadSpec, UPLOAD_TOOL, uploadLocalFile } from "./upload-file.ts";

/** The commands that are no tools and call no Groundcrew: one runs tickets, the other upgrades OpenClaw. */
const RUNNER = "runner";
const OPENCLAW = "openclaw";

interface CliEnvironment {
  env: Record<string, string | undefined>;
  cwd: string;
  stdin: NodeJS.ReadableStream;
  out: (text: string) => void;
  err: (text: string) => void;
}

/** Runs `groundcrew` with these arguments and returns its exit code. */
export async function runCli(args: readonly string[], host: CliEnvironment): Promise<number> {
  const options = parseCliOptions(args);
  try {
    rejectTokenArguments(args, host.env);
    if (options.tool === OPENCLAW && !options.version) return await runOpenclaw(options, host);
    host.out(await executeCommand(options, host));
    return EXIT.done;
  } catch (thrown) {
    const error = toCommandError(thrown);
    const { code, message, retryAfter, exit } = error;
    const wait = retryAfter === undefined ? "" : ` (try again in ${retryAfter} s)`;
    const fields = { code, message, ...omitUndefined({ retry_after: retryAfter }) };
    host.err(options.json ? formatJsonLine({ error: fields }) : formatForTerminal(`groundcrew: ${message}${wait}`));
    return exit;
  }
}

function toCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  if (!(thrown instanceof BackupError)) return new CommandError(EXIT.failed, getErrorMessage(thrown));
  const { kind, message } = thrown;
  return new CommandError(kind === "setting" ? EXIT.config : EXIT.failed, message, { code: kind });
}

async function executeCommand(options: CliOptions, host: CliEnvironment): Promise<string> {
  const { env, cwd } = host;
  if (options.version) return `${VERSION}\n`;
  if (options.tool === undefined && options.rest.length > 0)
    throw createUsageError(`The tool's name is missing: groundcrew <tool> ${options.rest[0]?.slice(0, 60)}`);
  if (options.tool === undefined) return buildHelp(env, cwd);
  if (options.tool === "tickets") return runTicketCommand(options, env, createStdinReader(host.stdin));
  if (options.tool === RUNNER) return runRunnerCommand(options, env);
  if (options.tool === "backup" || options.tool === "restore") return runBackupOrRestore(options, host);
  const client = createApiClient(findServerAddress(env), await readAgentToken(env, cwd));
  const spec = adaptDownloadSpec(adaptUploadSpec(getToolSpec(await client.specs(), options.tool)));
  if (options.help) return formatForTerminal(renderToolHelp(spec));
  const input = await parseCliInput(spec, options.rest, createStdinReader(host.stdin));
  const answer = await runTool(client, spec.name, cwd, input);
  return options.json ? formatJsonLine(answer) : formatAnswer(answer);
}

/** Loads the runner only when it is asked for, because every call of a tool would wait for its modules. */
async function runRunnerCommand({ help, rest }: CliOptions, env: CliEnvironment["env"]): Promise<string> {
  const { RUNNER_HELP, runTicketRunner } = await import("./runner-command.ts");
  if (help) return formatForTerminal(RUNNER_HELP);
  await runTicketRunner(rest, env);
  return "";
}

/** Its exit code does not follow from an error: a rolled-back upgrade has a result as well. */
async function runOpenclaw({ help, rest, json }: CliOptions, host: CliEnvironment): Promise<number> {
  const { OPENCLAW_HELP, runOpenclawCommand } = await import("./openclaw-command.ts");
  if (help) {
    host.out(formatForTerminal(OPENCLAW_HELP));
    return EXIT.done;
  }
  const { output, exit } = await runOpenclawCommand(rest, json, host);
  host.out(output);
  return exit;
}

/** Backs up or restores this installation; its modules are loaded only for that, too. */
async function runBackupOrRestore(options: CliOptions, { env, stdin }: CliEnvironment): Promise<string> {
  const { tool, rest, help } = options;
  const settingsEnv = readEnvironment(env);
  if (tool === "restore") {
    const { RESTORE_HELP, runRestoreCommand } = await import("./restore-command.ts");
    return help ? formatForTerminal(RESTORE_HELP) : runRestoreCommand(rest, options, settingsEnv);
  }
  const { BACKUP_HELP, runBackupCommand } = await import("./backup-command.ts");
  return help ? formatForTerminal(BACKUP_HELP) : runBackupCommand(rest, options, { env: settingsEnv, stdin });
}

/** Calls the tool, or streams its file from or to the local disk. */
function runTool(client: ApiClient, tool: string, cwd: string, input: Record<string, unknown>): Promise<unknown> {
  if (tool === UPLOAD_TOOL) return uploadLocalFile(client, cwd, input);
  if (tool === DOWNLOAD_TOOL && input["output"] !== undefined) return downloadToFile(client, cwd, input);
  return client.call(tool, input);
}

/** Builds the help, which also works without a token or a connection; only the list of tools needs them. */
async function buildHelp(env: CliEnvironment["env"], cwd: string): Promise<string> {
  const listing = connectToApi(env, cwd).then((client) => client.specs());
  const specs = await listing.catch((thrown: unknown) => ({ why: getErrorMessage(thrown) }));
  return formatForTerminal(renderHelp(specs));
}

async function connectToApi(env: CliEnvironment["env"], cwd: string): Promise<ApiClient> {
  return createApiClient(findServerAddress(env), await readAgentToken(env, cwd));
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
