/** Claude Code as a process: the arguments that start or resume it, its settings and hooks, and its conversation. */

import { randomUUID } from "node:crypto";
import { findProcesses, quoteForShell } from "../../node/programs.ts";
import type { Launch } from "../driver.ts";
import { buildInstructions, buildPrompt } from "../prompts.ts";
import {
  checkConversation,
  isBoxed,
  isInHome,
  readSessionJson,
  type SessionPaths,
  type SessionRecord,
  transcriptSchema,
} from "../session-folder.ts";
import { GROUNDCREW_TOOLS, MCP_SERVER, TOKEN_VARIABLE } from "../session-processes.ts";
import { getClaudeHome } from "./claude-home.ts";

interface ClaudeSettingsOptions {
  ticket: string;
  policy: Launch["policy"];
  plans: boolean;
  groundcrewUrl: string;
  paths: Omit<
    SessionPaths,
    "socket" | "log" | "thread" | "requests" | "record" | "paste" | "settings" | "mcp" | "launch" | "temporary"
  >;
}

/** Timeout for the answer of a person to a permission request: 7,210 s, slightly longer than Groundcrew holds it. */
const PERMISSION_SECONDS = 7_210;

const HOOK_SECONDS = 10;

/** Timeout for hooks that only report that a session goes on: 3 s, because Claude waits for each of them. */
const REPORT_SECONDS = 3;

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

/** Options of Claude Code after which its conversation is named. */
const CONVERSATION_OPTIONS = ["--resume", "-r", "--session-id"];

/** The arguments that start a session, or resume it. */
export function buildArguments({ record, paths, desired: { plans }, hasText, name, policy }: Launch): string[] {
  const { ticket, session_id, conversation } = record;
  const { permission_mode: mode = "manual", model, prompt } = policy ?? {};
  const begin = ["--session-id", conversation ? randomUUID() : session_id];
  return [
    ...(conversation && !conversation.is_lost ? ["--resume", conversation.session_id] : begin),
    ...["--permission-mode", plans ? "plan" : mode, "--strict-mcp-config", "--mcp-config", paths.mcp],
    ...(model === undefined ? [] : ["--model", model]),
    // The branch's own settings could run hooks with the session's token, or switch off those of Groundcrew.
    ...["--setting-sources", "user", "--settings", paths.settings],
    ...["--append-system-prompt", buildInstructions(ticket, paths, "CLAUDE.md", prompt), "--name", name],
    ...(hasText ? [] : ["--", buildPrompt(record, paths, plans)]),
  ];
}

/** The conversation that a session has begun: its id and its stored entries. Undefined before SessionStart. */
export function findTranscript(paths: Pick<SessionPaths, "sessionStart" | "folder" | "own">) {
  const transcript = readSessionJson(paths.sessionStart, transcriptSchema);
  // A boxed session cannot have the runner read a file that it does not see itself.
  return isBoxed(paths) && !isInHome(getClaudeHome(paths.folder), transcript?.transcript_path) ? undefined : transcript;
}

/** The conversation before a launch: the one that the last launch has begun, or else resumed. */
export function findConversation(record: SessionRecord, paths: SessionPaths): SessionRecord["conversation"] {
  return checkConversation(findTranscript(paths) ?? record.conversation, record, paths, getClaudeHome(paths.folder));
}

/** Builds the settings of one session: hooks that report to Groundcrew, the status line, and what needs no permission. */
export function buildClaudeSettings({ ticket, groundcrewUrl, paths, policy, plans }: ClaudeSettingsOptions) {
  const { allow = [], ask = [], deny = [] } = policy ?? {};
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
    // A box in a box breaks every command.
    ...(isBoxed(paths) ? { sandbox: { enabled: false } } : {}),
    permissions: {
      // In automatic mode a plan would be left by itself, and commands while planning would ask in the terminal only.
      disableAutoMode: "disable",
      allow: [
        ...[`Read(/${paths.ticket})`, `Read(/${paths.difference})`, `Edit(/${paths.completion})`],
        ...GROUNDCREW_TOOLS.map((tool) => `mcp__${MCP_SERVER}__${tool}`),
        // In plan mode they would let commands run: they come with the approval of the plan.
        ...(plans ? [] : allow),
      ],
      ask,
      deny,
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

/** A shell command that stores its input in a file, whole or not at all. */
function buildStoreCommand(path: string): string {
  const draft = quoteForShell(`${path}.draft`);
  return `cat > ${draft} && mv -f ${draft} ${quoteForShell(path)}`;
}

/** Builds the MCP configuration of a session: Groundcrew's tools, and servers of its policy. The token stays in the environment. */
export function buildMcpConfig(groundcrewUrl: string, servers: Record<string, object> = {}) {
  const headers = { authorization: `Bearer \${${TOKEN_VARIABLE}}` };
  return { mcpServers: { ...servers, [MCP_SERVER]: { type: "http", url: `${groundcrewUrl}/mcp`, headers } } };
}

/**
 * Finds processes that have a conversation open. Nothing locks one: what somebody else resumes beside the session would
 * write into the same file.
 */
export function findConversationProcesses(conversation: string): number[] {
  const isClaude = (entries: readonly string[]) =>
    entries.some((entry, i) => entry === conversation && CONVERSATION_OPTIONS.includes(entries[i - 1] ?? ""));
  return findProcesses("cmdline", isClaude);
}
