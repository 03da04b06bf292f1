import { randomUUID } from "node:crypto";

type Fields = Record<string, unknown>;

interface CommandResult {
  stdout: string;
  stderr: string;
  status: number | null;
}

/** What identifies the conversation in every event. */
export interface Conversation {
  sessionId: string;
  transcriptPath: string;
  promptId: string;
  mode: string;
  /** Of `--name`. */
  title?: string;
}

/** Events within a turn say in which mode it runs; those of the model's work also with which effort. */
const WITH_MODE = [
  "UserPromptSubmit",
  "UserPromptExpansion",
  "PermissionRequest",
  "PostToolUse",
  "PostToolUseFailure",
  "Stop",
];
const WITH_EFFORT = ["PermissionRequest", "PostToolUse", "PostToolUseFailure", "Stop"];
const MODEL = { id: "claude-opus-5-5", display_name: "Opus 5.5" };
/** Cost and tokens of one request to the model in the recorded sessions. */
export const REQUEST_COST_USD = 0.00123;
const CONTEXT_TOKENS = { input: 1_130, output: 25 };

/** Builds the payload of a hook as the recorded ones: the common fields first, then those of the event. */
export function buildPayload(event: string, fields: Fields, conversation: Conversation) {
  const { sessionId, transcriptPath, promptId, title, mode } = conversation;
  return {
    session_id: sessionId,
    transcript_path: transcriptPath,
    cwd: process.cwd(),
    ...(event === "SessionStart" ? {} : { prompt_id: promptId }),
    ...(WITH_MODE.includes(event) ? { permission_mode: mode } : {}),
    ...(WITH_EFFORT.includes(event) ? { effort: { level: "medium" } } : {}),
    hook_event_name: event,
    ...fields,
    ...(event === "UserPromptSubmit" && title !== undefined ? { session_title: title } : {}),
    ...(event === "SessionStart" ? { model: MODEL.id } : {}),
  };
}

/** The fields of a tool that has run or waits for permission. */
export function describeCommand(command: string) {
  return { tool_name: "Bash", tool_input: { command, description: "Step of the ticket" } };
}

/** The fields of a command that has run; a failed one has only its error. */
export function describeRun(command: string, { stdout, stderr, status }: CommandResult) {
  const fields = { ...describeCommand(command), tool_use_id: `toolu_${randomUUID().replaceAll("-", "")}` };
  if (status !== 0) return { ...fields, error: `Exit code ${status}`, is_interrupt: false, duration_ms: 10 };
  const tool_response = { stdout, stderr, interrupted: false, isImage: false, noOutputExpected: false };
  return { ...fields, tool_response, duration_ms: 10 };
}

/** Builds the input of the status line after this many requests to the model. */
export function buildStatus(requests: number, { sessionId, transcriptPath, promptId }: Conversation, version: string) {
  const { input, output } = CONTEXT_TOKENS;
  const used = { input_tokens: 120, cache_creation_input_tokens: 10, cache_read_input_tokens: 1_000 };
  return {
    session_id: sessionId,
    transcript_path: transcriptPath,
    cwd: process.cwd(),
    prompt_id: promptId,
    effort: { level: "medium" },
    model: MODEL,
    workspace: { current_dir: process.cwd(), project_dir: process.cwd(), added_dirs: [] },
    version,
    output_style: { name: "default" },
    cost: {
      total_cost_usd: REQUEST_COST_USD * requests,
      total_duration_ms: 1_000 * requests,
      total_api_duration_ms: 100 * requests,
      total_lines_added: 0,
      total_lines_removed: 0,
    },
    context_window: {
      total_input_tokens: input,
      total_output_tokens: output,
      context_window_size: 1_000_000,
      current_usage: { ...used, output_tokens: output },
      used_percentage: 0,
      remaining_percentage: 100,
    },
    exceeds_200k_tokens: false,
    prompt_cache: buildCacheStatus(requests),
    fast_mode: false,
    thinking: { enabled: true },
  };
}

function buildCacheStatus(requests: number) {
  return {
    warm: true,
    caching_observed: true,
    ttl: "5m",
    expires_at: Math.floor(Date.now() / 1000) + 300,
    requests,
    misses: 0,
    expected_rebuilds: 0,
    hit_ratio: 0.885,
    cache_write_tokens: 10 * requests,
    miss_recache_tokens: 0,
    last_miss_at: null,
    last_miss_cause: null,
    miss_causes: {},
    recache_tokens_if_cold: CONTEXT_TOKENS.input,
  };
}
