/** What Claude Code's terminal tells: dialogs before a session begins, and a model that does not answer. */

/**
 * The line that Claude shows while it repeats a request to its model: why, and which attempt it is. Its text is the only
 * sign of it; what Claude stores then are requests.
 */
const RETRY_LINE = /^\s*\S (\S.{0,300}?) · (?:retrying|will retry)(?:.* attempt (\d+)\/\d+)?/m;

/** Attempt from which the problem is reported: the third. Most first failures are over in a second. */
const MIN_ATTEMPT = 3;

/** Limit of the lines in which such a line is looked for: the last 15, where Claude draws what it is doing. */
const STATUS_LINES = 15;

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

/** Says why the model does not answer, while Claude repeats its request; undefined when it does not. */
export function findModelProblem(screen: string): string | undefined {
  const lines = screen.trimEnd().split("\n").slice(-STATUS_LINES);
  const [, reason, attempt = MIN_ATTEMPT] = RETRY_LINE.exec(lines.join("\n")) ?? [];
  return reason !== undefined && Number(attempt) >= MIN_ATTEMPT
    ? `Claude repeats its request to the model: ${reason}`
    : undefined;
}
