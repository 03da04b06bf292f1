/** Dialogs of Claude before a session begins, by a text on the screen. A person answers them: some accept risks. */
const START_DIALOGS: readonly [RegExp, string][] = [
  [/Accessing workspace:.*I trust this folder/s, "whether this folder is trusted"],
  [/Detected a custom API key in your environment/, "whether to use the API key of the environment"],
  [/Claude Code running in Bypass Permissions mode/, "whether to run without permissions"],
  [/New MCP server found in this project/, "whether to use an MCP server of the repository"],
  [/Adding a new directory:/, "whether to add a folder"],
  [/Unable to connect to Anthropic services/, "nothing, but it cannot reach Anthropic"],
  [/Choose the text style|Let's get started|Select login method/, "its first questions; run it once by hand"],
];

/** Says what a dialog on the screen asks; undefined when none is known there. */
export function findStartDialog(screen: string): string | undefined {
  return START_DIALOGS.find(([pattern]) => pattern.test(screen))?.[1];
}
