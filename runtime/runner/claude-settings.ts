/** Name of the variable that holds the session's bridge token; Claude fills it into the headers of hooks. */
export const TOKEN_VARIABLE = "GROUNDCREW_TOKEN";

/** Timeout for the answer of a person to a permission request: 610 s, slightly longer than Groundcrew holds it. */
const PERMISSION_SECONDS = 610;
const HOOK_SECONDS = 10;

/** Events that Groundcrew receives from Claude. Without an answer the dialog in the terminal decides. */
const HTTP_EVENTS = ["PermissionRequest", "Notification", "Stop", "StopFailure"] as const;

interface ClaudeSettingsOptions {
  ticket: string;
  groundcrewUrl: string;
  paths: { ticket: string; completion: string; sessionStart: string; sessionEnd: string; status: string };
}

/** Builds the settings of one session: hooks that report to Groundcrew, the status line, and what needs no permission. */
export function buildClaudeSettings({ ticket, groundcrewUrl, paths }: ClaudeSettingsOptions) {
  const url = `${groundcrewUrl}/api/runner/sessions/${encodeURIComponent(ticket)}/hooks`;
  const createHook = (timeout: number) => ({
    type: "http",
    url,
    headers: { authorization: `Bearer $${TOKEN_VARIABLE}` },
    allowedEnvVars: [TOKEN_VARIABLE],
    timeout,
  });
  const httpHooks = HTTP_EVENTS.map((event) => {
    const timeout = event === "PermissionRequest" ? PERMISSION_SECONDS : HOOK_SECONDS;
    return [event, [{ hooks: [createHook(timeout)] }]] as const;
  });
  return {
    permissions: { allow: [`Read(/${paths.ticket})`, `Edit(/${paths.completion})`] },
    // These two commands are constant texts but for paths of the runner's own folder.
    statusLine: {
      type: "command",
      command: `${buildStoreCommand(paths.status)}; printf '%s' ${quoteForShell(ticket)}`,
    },
    hooks: {
      // Claude runs no HTTP hook at this event.
      SessionStart: [
        { hooks: [{ type: "command", command: buildStoreCommand(paths.sessionStart), timeout: HOOK_SECONDS }] },
      ],
      UserPromptExpansion: [{ matcher: "complete", hooks: [createHook(HOOK_SECONDS)] }],
      ...Object.fromEntries(httpHooks),
      // Also stored, because tmux does not always know how a program has ended.
      SessionEnd: [
        { hooks: [createHook(HOOK_SECONDS), { type: "command", command: buildStoreCommand(paths.sessionEnd) }] },
      ],
    },
  };
}

/** A shell command that stores its input in a file, whole or not at all. */
function buildStoreCommand(path: string): string {
  const draft = quoteForShell(`${path}.draft`);
  return `cat > ${draft} && mv -f ${draft} ${quoteForShell(path)}`;
}

function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
