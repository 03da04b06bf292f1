/** The CLI that works on tickets: Claude Code, Codex, or a command of one's own; and what each of them cannot do. */

/** A CLI as the settings name it. */
export type Cli = "claude" | "codex" | { command: string[] };

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
export function describeCliLimits(cli: Cli): string | undefined {
  if (cli === "claude") return undefined;
  if (cli === "codex")
    return (
      "Codex works in its own sandbox and asks only for what is outside of it, such as a commit. It reports tokens and " +
      "no money. A command that you allow outside its sandbox could answer its next requests."
    );
  return (
    `The command ${getCliName(cli)} runs with all rights of the runner's user. It asks for no permission, makes no plan, ` +
    "and reports neither tokens nor money."
  );
}
