import { text } from "node:stream/consumers";
import { getErrorMessage } from "../../shared/errors.ts";
import { omitUndefined } from "../../shared/omit-undefined.ts";
import { VERSION } from "../../shared/version.ts";
import { readAgentToken, rejectTokenArguments } from "./agent-token.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { CommandError, createUsageError, EXIT } from "./command-error.ts";
import { renderHelp, renderToolHelp } from "./help.ts";
import { type CliOptions, getToolSpec, parseCliInput, parseCliOptions } from "./options.ts";
import { formatAnswer, formatForTerminal, formatJsonLine } from "./terminal-output.ts";
import { adaptUploadSpec, UPLOAD_TOOL, uploadLocalFile } from "./upload-file.ts";

interface CliEnvironment {
  env: Record<string, string | undefined>;
  cwd: string;
  stdin: NodeJS.ReadableStream;
  out: (text: string) => void;
  err: (text: string) => void;
}

/** Runs `groundcrew` with these arguments; answers its exit code. */
export async function runCli(args: readonly string[], world: CliEnvironment): Promise<number> {
  const options = parseCliOptions(args);
  try {
    rejectTokenArguments(args, world.env);
    world.out(await executeCommand(options, world));
    return EXIT.done;
  } catch (thrown) {
    const error = thrown instanceof CommandError ? thrown : new CommandError(EXIT.failed, getErrorMessage(thrown));
    const { code, message, retryAfter, exit } = error;
    const wait = retryAfter === undefined ? "" : ` (try again in ${retryAfter} s)`;
    const fields = { code, message, ...omitUndefined({ retry_after: retryAfter }) };
    world.err(options.json ? formatJsonLine({ error: fields }) : formatForTerminal(`groundcrew: ${message}${wait}`));
    return exit;
  }
}

async function executeCommand(options: CliOptions, world: CliEnvironment): Promise<string> {
  const { env, cwd } = world;
  if (options.version) return `${VERSION}\n`;
  if (options.tool === undefined && options.rest.length > 0)
    throw createUsageError(`The tool's name comes first: groundcrew <tool> ${options.rest[0]?.slice(0, 60)}`);
  if (options.tool === undefined) return buildHelp(env, cwd);
  const client = createApiClient(env["GROUNDCREW_URL"], await readAgentToken(env, cwd));
  const spec = adaptUploadSpec(getToolSpec(await client.specs(), options.tool));
  if (options.help) return formatForTerminal(renderToolHelp(spec));
  const input = await parseCliInput(spec, options.rest, createStdinReader(world.stdin));
  const answer = await (spec.name === UPLOAD_TOOL
    ? uploadLocalFile(client, cwd, input)
    : client.call(spec.name, input));
  return options.json ? formatJsonLine(answer) : formatAnswer(answer);
}

/** The tools are told where they can be asked for; how to call them in any case. */
async function buildHelp(env: CliEnvironment["env"], cwd: string): Promise<string> {
  const specs = connectToApi(env, cwd).then((client) => client.specs());
  return formatForTerminal(
    renderHelp(
      await specs.catch((thrown: unknown) => {
        return { why: getErrorMessage(thrown) };
      }),
    ),
  );
}

async function connectToApi(env: CliEnvironment["env"], cwd: string): Promise<ApiClient> {
  return createApiClient(env["GROUNDCREW_URL"], await readAgentToken(env, cwd));
}

/** Standard input, whole, for one value. */
function createStdinReader(stdin: NodeJS.ReadableStream): () => Promise<string> {
  let isUsed = false;
  return async () => {
    if (isUsed) throw createUsageError("Only one value can be read from standard input.");
    isUsed = true;
    return text(stdin);
  };
}
