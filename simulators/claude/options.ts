/** Options of the stand-in that the runner uses; the real program has more. */
const WITH_VALUE = [
  "--session-id",
  "--resume",
  "--permission-mode",
  "--setting-sources",
  "--settings",
  "--append-system-prompt",
  "--name",
  "--mcp-config",
  "--model",
];
const WITHOUT_VALUE = ["--strict-mcp-config", "--version", "--help"];
const PERMISSION_MODES = ["acceptEdits", "auto", "bypassPermissions", "manual", "dontAsk", "plan"];
const SETTING_SOURCES = ["user", "project", "local"];
const UUID_PATTERN = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface ClaudeOptions {
  values: Map<string, string>;
  prompt: string;
}

/** Parses a command line as Claude Code does: an unknown option, a missing value and a wrong choice are errors. */
export function parseClaudeOptions(args: readonly string[]): ClaudeOptions | { error: string } {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? "";
    if (arg === "--") return checkValues(values, args.slice(i + 1).join(" "));
    if (WITHOUT_VALUE.includes(arg)) values.set(arg, "");
    else if (WITH_VALUE.includes(arg)) {
      i += 1;
      const value = args[i];
      if (value === undefined) return { error: `error: option '${arg} <value>' argument missing` };
      values.set(arg, value);
    } else if (arg.startsWith("-")) return { error: `error: unknown option '${arg}'` };
    else return checkValues(values, args.slice(i).join(" "));
  }
  return checkValues(values, "");
}

function checkValues(values: Map<string, string>, prompt: string): ClaudeOptions | { error: string } {
  const mode = values.get("--permission-mode") ?? "manual";
  if (!PERMISSION_MODES.includes(mode))
    return {
      error:
        `error: option '--permission-mode <mode>' argument '${mode}' is invalid. ` +
        `Allowed choices are ${PERMISSION_MODES.join(", ")}.`,
    };
  const unknown = parseSources(values).find((source) => !SETTING_SOURCES.includes(source));
  if (unknown !== undefined)
    return {
      error: `Error processing --setting-sources: Invalid setting source: ${unknown}. Valid options are: user, project, local`,
    };
  const sessionId = values.get("--session-id");
  if (sessionId !== undefined && !UUID_PATTERN.test(sessionId))
    return { error: "Error: Invalid session ID. Must be a valid UUID." };
  return { values, prompt };
}

/** The sources of settings besides `--settings`: all of them unless `--setting-sources` names some. */
export function parseSources(values: ReadonlyMap<string, string>): string[] {
  return values.get("--setting-sources")?.split(",") ?? SETTING_SOURCES;
}

/** What `--help` prints. */
export const CLAUDE_HELP = `Usage: claude [options] [command] [prompt]\n\nOptions:\n${[...WITH_VALUE, ...WITHOUT_VALUE]
  .map((option) => `  ${option}`)
  .join("\n")}\n`;
