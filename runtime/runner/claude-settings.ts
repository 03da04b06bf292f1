import { quoteForShell } from "./quote-for-shell.ts";

/** Name of the variable that holds the session's bridge token; Claude fills it into the headers of hooks. */
export const TOKEN_VARIABLE = "GROUNDCREW_TOKEN";

/** Name of Groundcrew among the MCP servers of a session. */
const MCP_SERVER = "groundcrew";

/** Timeout for the answer of a person to a permission request: 610 s, slightly longer than Groundcrew holds it. */
const PERMISSION_SECONDS = 610;
const HOOK_SECONDS = 10;
/** Timeout for hooks that only report that a session goes on: 3 s, because Claude waits for each of them. */
const REPORT_SECONDS = 3;
/** Tools of Groundcrew that need no permission: a person approves what the last one writes. */
const GROUNDCREW_TOOLS = ["get_task_details", "download_deliverable", "update_task_status"];

/**
 * Events that Groundcrew receives from Claude, with their timeouts in seconds. Without an answer the dialog in the
 * terminal decides.
 */
const HTTP_EVENTS = {
  UserPromptSubmit: REPORT_SECONDS,
  PermissionRequest: PERMISSION_SECONDS,
  PostToolUse: REPORT_SECONDS,
  PostToolUseFailure: REPORT_SECONDS,
  Notification: HOOK_SECONDS,
  Stop: HOOK_SECONDS,
  StopFailure: HOOK_SECONDS,
};

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
  const httpHooks = Object.entries(HTTP_EVENTS).map(
    ([event, timeout]) => [event, [{ hooks: [createHook(timeout)] }]] as const,
  );
  return {
    permissions: {
      allow: [
        ...[`Read(/${paths.ticket})`, `Edit(/${paths.completion})`],
        ...GROUNDCREW_TOOLS.map((tool) => `mcp__${MCP_SERVER}__${tool}`),
      ],
    },
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

/** Builds the MCP configuration of a session: Groundcrew's tools. The token stays in the environment. */
export function buildMcpConfig(groundcrewUrl: string) {
  const headers = { authorization: `Bearer \${${TOKEN_VARIABLE}}` };
  return { mcpServers: { [MCP_SERVER]: { type: "http", url: `${groundcrewUrl}/mcp`, headers } } };
}

/** A shell command that stores its input in a file, whole or not at all. */
function buildStoreCommand(path: string): string {
  const draft = quoteForShell(`${path}.draft`);
  return `cat > ${draft} && mv -f ${draft} ${quoteForShell(path)}`;
}
