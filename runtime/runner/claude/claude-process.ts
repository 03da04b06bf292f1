/**
 * Claude Code as a process: the arguments that start or resume it, its settings and hooks, its conversation, and its
 * home in a box, so that nothing that one session writes counts for another one, or for the person who runs Claude Code
 * here.
 */

import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { makePrivateFolder, writePrivateFile } from "../../node/files.ts";
import { findProcesses, quoteForShell } from "../../node/programs.ts";
import { toHostAndPort } from "../box.ts";
import { type BoxedHome, buildInstructions, buildPrompt, type DriverContext, type Launch } from "../driver.ts";
import {
  getHome,
  isBoxed,
  isInHome,
  readSessionJson,
  type SessionPaths,
  type SessionRecord,
  transcriptSchema,
} from "../session-folder.ts";
import { GROUNDCREW_TOOLS, MCP_SERVER, TOKEN_VARIABLE } from "../session-processes.ts";

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

/** What a person has set up for Claude Code, which sessions read. */
const USER_FILES = ["settings.json", "CLAUDE.md", "agents", "commands", "output-styles", "plugins", "rules", "skills"];

/** Answers of a person to Claude Code that sessions need; the rest is about other projects. */
const ANSWERS = ["hasCompletedOnboarding", "customApiKeyResponses", "oauthAccount", "userID", "theme"];

/** Claude Code writes it when it renews its log-in. */
const CREDENTIALS = ".credentials.json";

/** Where Claude Code reaches its model and renews its log-in, unless its environment names another address. */
const MODEL_HOSTS = ["api.anthropic.com:443", "console.anthropic.com:443", "platform.claude.com:443"];

/** Limit of Claude Code's own file of answers in bytes: 16 MB; it has an entry for each project. */
const MAX_ANSWERS_BYTES = 16 * 2 ** 20;

const answersSchema = z.looseObject({
  hasCompletedOnboarding: z.boolean().optional(),
  projects: z.record(z.string(), z.looseObject({ hasTrustDialogAccepted: z.boolean().optional() })).default({}),
});

/**
 * Claude knows a slash command only when a file of its name exists. The hook of the session answers `/complete` before
 * the model sees it; this text is used when Groundcrew cannot be reached. It must not contain a command, because Claude
 * pastes the arguments into it as text.
 */
const COMPLETE_COMMAND = `---
description: Completes the ticket of this Groundcrew session with a summary
argument-hint: <summary>
---
Groundcrew could not be reached. Write the summary below, unchanged, to the file whose path is in the environment variable
GROUNDCREW_COMPLETION_FILE; do nothing else. If that variable is not set, say that this is not a Groundcrew session.

Summary: $ARGUMENTS
`;

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
  return isBoxed(paths) && !isInHome(getHome(paths, "claude"), transcript?.transcript_path) ? undefined : transcript;
}

/** What the settings of a session depend on. */
interface SettingsFacts extends Pick<Launch, "groundcrewUrl" | "policy"> {
  record: Pick<SessionRecord, "ticket">;
  desired: Pick<Launch["desired"], "plans">;
  paths: Pick<
    SessionPaths,
    "folder" | "own" | "ticket" | "difference" | "completion" | "sessionStart" | "sessionEnd" | "status"
  >;
}

/** Builds the settings of one session: hooks that report to Groundcrew, the status line, and what needs no permission. */
export function buildClaudeSettings({ record: { ticket }, groundcrewUrl, paths, policy, desired }: SettingsFacts) {
  const { allow = [], ask = [], deny = [] } = policy ?? {};
  const url = `${groundcrewUrl}/api/runner/sessions/${encodeURIComponent(ticket)}/hooks`;
  const headers = { authorization: `Bearer $${TOKEN_VARIABLE}` };
  const report = (timeout: number) => ({ type: "http", url, headers, allowedEnvVars: [TOKEN_VARIABLE], timeout });
  const store = (path: string) => ({ type: "command", command: buildStoreCommand(path), timeout: HOOK_SECONDS });
  const httpHooks = Object.entries(HTTP_EVENTS).map(([event, timeout]) => [event, [{ hooks: [report(timeout)] }]]);
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
        ...(desired.plans ? [] : allow),
      ],
      ...{ ask, deny },
    },
    // The commands are constant texts but for paths of the runner's own folder.
    statusLine: {
      type: "command",
      command: `${buildStoreCommand(paths.status)}; printf '%s' ${quoteForShell(ticket)}`,
    },
    hooks: {
      // Claude runs no HTTP hook at this event.
      SessionStart: [{ hooks: [store(paths.sessionStart)] }],
      UserPromptExpansion: [{ matcher: "complete", hooks: [report(HOOK_SECONDS)] }],
      ...Object.fromEntries(httpHooks),
      // Also stored, because tmux does not always know how a program has ended.
      SessionEnd: [{ hooks: [report(HOOK_SECONDS), store(paths.sessionEnd)] }],
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

/** Creates the home for a boxed session, anew at each launch but for its conversations. */
export function createClaudeHome(env: DriverContext["env"], paths: SessionPaths, record: SessionRecord): BoxedHome {
  const { repository, worktree } = record;
  const folder = getHome(paths, "claude");
  const users = getUsersFolder(env);
  makePrivateFolder(folder);
  const answers = readAnswers(env);
  const kept = Object.fromEntries(Object.entries(answers ?? {}).filter(([name]) => ANSWERS.includes(name)));
  // A clone is a repository of its own to Claude Code; it is trusted only where a person has trusted its origin.
  const projects = isTrusted(answers, repository) ? { [worktree]: { hasTrustDialogAccepted: true } } : {};
  writePrivateFile(join(folder, ".claude.json"), JSON.stringify({ ...kept, projects }));
  const model = env["ANTHROPIC_BASE_URL"];
  return {
    folder,
    env: { CLAUDE_CONFIG_DIR: folder },
    placed: USER_FILES.flatMap((name) =>
      existsSync(join(users, name)) ? [[join(users, name), join(folder, name)]] : [],
    ),
    shared: [[join(users, CREDENTIALS), join(folder, CREDENTIALS)]],
    hosts: model ? toHostAndPort(model) : MODEL_HOSTS,
  };
}

/** What people have answered to Claude Code on this machine. */
export function readAnswers(env: DriverContext["env"]): z.infer<typeof answersSchema> | undefined {
  const path = join(env["CLAUDE_CONFIG_DIR"] ?? env["HOME"] ?? homedir(), ".claude.json");
  return readSessionJson(path, answersSchema, MAX_ANSWERS_BYTES);
}

/** Whether a person has said that a folder is trusted, or a folder above it. */
export function isTrusted(answers: z.infer<typeof answersSchema> | undefined, folder: string): boolean {
  const isAnswered = answers?.projects[folder]?.hasTrustDialogAccepted === true;
  return isAnswered || (dirname(folder) !== folder && isTrusted(answers, dirname(folder)));
}

/** Creates the user's command `/complete` in Claude's folder. A command of this name that exists is kept. */
export function installCompleteCommand(env: DriverContext["env"]): void {
  const folder = join(getUsersFolder(env), "commands");
  const path = join(folder, "complete.md");
  if (existsSync(path)) return;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(path, COMPLETE_COMMAND, { flag: "wx", mode: 0o600 });
}

/** The folder in which the runner's user has set up Claude Code. */
function getUsersFolder(env: DriverContext["env"]): string {
  return env["CLAUDE_CONFIG_DIR"] ?? join(env["HOME"] ?? homedir(), ".claude");
}
