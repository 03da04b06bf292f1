import { readAdminToken } from "./agent-token.ts";
import { createApiClient } from "./api-client.ts";
import { createUsageError } from "./command-error.ts";
import { renderToolHelp } from "./help.ts";
import { type CliOptions, getToolSpec, parseCliInput } from "./options.ts";
import { formatAnswer, formatForTerminal, formatJsonLine } from "./terminal-output.ts";
import { listTicketCommands, toTicketRequest } from "./ticket-commands.ts";

/** Runs `groundcrew tickets <command>`: what people do with tickets, with ADMIN_TOKEN. */
export async function runTicketCommand(
  { rest, json, help }: CliOptions,
  env: Record<string, string | undefined>,
  readStdin: () => Promise<string>,
): Promise<string> {
  const specs = listTicketCommands();
  const [command, ...args] = rest;
  if (command === undefined) {
    if (help) return formatForTerminal(renderTicketsHelp());
    throw createUsageError(`The command is missing: groundcrew tickets <${specs.map(({ name }) => name).join("|")}>`);
  }
  const { name, ...spec } = getToolSpec(specs, command, "command");
  const named = { ...spec, name: `groundcrew tickets ${name}` };
  if (help) return formatForTerminal(renderToolHelp({ ...spec, name: `tickets ${name}` }));
  const { method, path, body } = toTicketRequest(name, await parseCliInput(named, args, readStdin));
  const client = createApiClient(env["GROUNDCREW_URL"], await readAdminToken(env));
  const answer = await client.callRoute(path, method, method === "POST" ? body : undefined);
  return json ? formatJsonLine(answer) : formatAnswer(answer);
}

function renderTicketsHelp(): string {
  const specs = listTicketCommands();
  const width = Math.max(...specs.map(({ name }) => name.length));
  const lines = specs.map(({ name, description }) => `  ${name.padEnd(width)}  ${description}`);
  return [
    "groundcrew tickets <command> [ticket] [options]",
    "",
    ...lines,
    "",
    "Requires GROUNDCREW_URL, and ADMIN_TOKEN or the file that ADMIN_TOKEN_FILE names (readable by you only).",
  ].join("\n");
}
