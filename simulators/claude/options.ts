/** Options of the stand-in that the runner uses; the real program has more. */
const WITH_VALUE = [
  "--session-id",
  "--resume",
  "--permission-mode",
  "--settings",
  "--append-system-prompt",
  "--name",
  "--mcp-config",
];
const WITHOUT_VALUE = ["--strict-mcp-config", "--version", "--help"];

export interface ClaudeOptions {
  values: Map<string, string>;
  prompt: string;
}

/** Parses a command line as Claude Code does: an unknown option is an error. */
export function parseClaudeOptions(args: readonly string[]): ClaudeOptions | { error: string } {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? "";
    if (arg === "--") return { values, prompt: args.slice(i + 1).join(" ") };
    if (WITHOUT_VALUE.includes(arg)) values.set(arg, "");
    else if (WITH_VALUE.includes(arg)) {
      i += 1;
      values.set(arg, args[i] ?? "");
    } else if (arg.startsWith("-")) return { error: `error: unknown option '${arg}'` };
    else return { values, prompt: args.slice(i).join(" ") };
  }
  return { values, prompt: "" };
}

/** What `--help` prints. */
export const CLAUDE_HELP = `Usage: claude [options] [command] [prompt]\n\nOptions:\n${[...WITH_VALUE, ...WITHOUT_VALUE]
  .map((option) => `  ${option}`)
  .join("\n")}\n`;
