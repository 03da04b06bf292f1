/**
 * The driver of Claude Code: it works in its terminal, and reports by hooks and files. Its terminal also tells of
 * dialogs before a session begins, and of a model that does not answer. The conversation that Claude stores tells how
 * far a session is, how many tokens it has used, and whether somebody has interrupted it. That file only grows, so each
 * look reads what is new in it.
 */

import { z } from "zod";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { removeInvisible, tryParseJson } from "../../../shared/text.ts";
import { type Ms, SECOND, wait } from "../../../shared/time.ts";
import { writePrivateFile } from "../../node/files.ts";
import type { DriverContext, SessionDriver, SessionState } from "../driver.ts";
import { readSessionFile, readSessionJson, type SessionPaths, type SessionRecord } from "../session-folder.ts";
import {
  buildArguments,
  buildClaudeSettings,
  buildMcpConfig,
  createClaudeHome,
  findConversationProcesses,
  findTranscript,
} from "./claude-process.ts";

/** What is known of a conversation. */
interface Conversation extends Pick<SessionState, "progressAt" | "tokens" | "interruption"> {
  /** US dollars that Claude has stored at its last orderly end, and with which a resumed session begins to count. */
  storedCost: number;
}

interface ReadConversation extends Conversation {
  path: string;
  /** Bytes that were read. */
  offset: number;
  /** Id and usage of the last answer of the model: they are repeated with each part of its content. */
  lastUsage: { id: string; input: number; output: number };
}

/** Timeout for Claude's SessionStart hook: 10 s. It is only late when a dialog waits or Claude cannot start. */
const START_TIMEOUT_MS: Ms = 10 * SECOND;

/** The part of the status line's input that is reported. */
const statusSchema = z.object({
  cost: z.object({ total_cost_usd: z.number().min(0) }),
});

/** What Claude says before it exits with 1 because it does not know the conversation that it is to resume. */
const UNKNOWN_CONVERSATION = /^No conversation found with session ID/m;

/** Interval between the keys that end it: 300 ms. Claude exits at a second one within 800 ms. */
const EXIT_KEY_MS: Ms = 300;

/** Limit of those keys: 10. The first ones close a dialog, stop the turn, or empty the line. */
const MAX_EXIT_KEYS = 10;

/**
 * The line that Claude shows while it repeats a request to its model: why, and which attempt it is. Its text is the
 * only sign of it; what Claude stores then are requests.
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

/** Limit of what one look reads in bytes: 4 MB; the next one reads on. A longer entry is passed over. */
const MAX_READ_BYTES = 4 * 2 ** 20;

/** How the text begins that Claude stores when somebody denies a dialog, or stops a turn, in the terminal. */
const INTERRUPTION = "[Request interrupted by user";

const tokensSchema = z.int().min(0).default(0);

const usageSchema = z
  .object({
    ...{ input_tokens: tokensSchema, cache_creation_input_tokens: tokensSchema },
    ...{ cache_read_input_tokens: tokensSchema, output_tokens: tokensSchema },
  })
  .transform((usage) => ({
    input: usage.input_tokens + usage.cache_creation_input_tokens + usage.cache_read_input_tokens,
    output: usage.output_tokens,
  }));

const messageSchema = z.object({ isSidechain: z.literal(false).exactOptional(), timestamp: z.iso.datetime() });

/** An entry of a conversation. Others are requests, titles and modes. */
const entrySchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("cost-state"), totalCostUSD: z.number().min(0) }),
  messageSchema.extend({
    type: z.literal("assistant"),
    /** Claude tells an error of the model as its answer. */
    isApiErrorMessage: z.boolean().exactOptional(),
    message: z.object({ id: z.string().exactOptional(), usage: usageSchema.exactOptional() }),
  }),
  messageSchema.extend({ type: z.literal("user"), uuid: z.uuid(), message: z.object({ content: z.unknown() }) }),
]);

type Entry = z.infer<typeof entrySchema>;

/** What a person types is a text, so that nobody can type an interruption, which is a list with one text. */
const interruptionSchema = z.tuple([z.object({ type: z.literal("text"), text: z.string().startsWith(INTERRUPTION) })]);

/** Creates the driver of Claude Code. */
export function createClaudeDriver(): SessionDriver {
  const conversations = createConversationReader();
  // Its SessionStart hook writes this file.
  const hasBegun = ({ sessionStart }: SessionPaths) => readSessionFile(sessionStart, 1) !== undefined;

  function findAttention({ clock }: DriverContext, record: SessionRecord, paths: SessionPaths, screen: string) {
    if (hasBegun(paths)) return findModelProblem(screen);
    const dialog = findStartDialog(screen);
    if (dialog !== undefined) return `Claude asks at its start: ${dialog}. Answer in the terminal.`;
    const isLate = clock() - Date.parse(record.started_at) >= START_TIMEOUT_MS;
    return isLate ? "Claude has not started within 10 s: no SessionStart. Look at the terminal." : undefined;
  }

  return {
    name: "Claude Code",
    environment: "claude",
    getProgram: ({ settings }) => [settings.claudeBin, "CLAUDE_BIN to the path of Claude Code"],
    prepare(launch) {
      const { program, paths, groundcrewUrl, env, policy } = launch;
      writePrivateFile(paths.settings, JSON.stringify(buildClaudeSettings(launch)));
      writePrivateFile(paths.mcp, JSON.stringify(buildMcpConfig(groundcrewUrl, policy?.servers)));
      const variables = { CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN: "1", DISABLE_AUTOUPDATER: "1" };
      return { program, args: buildArguments(launch), env: { ...env, ...variables } };
    },
    hasBegun,
    observe(context, record, screen, isLive) {
      const paths = context.records.getPaths(record.ticket);
      const { progressAt, tokens, interruption, storedCost } = conversations.read(record.ticket, paths);
      const cost = readSessionJson(paths.status, statusSchema)?.cost.total_cost_usd;
      const attention = isLive ? findAttention(context, record, paths, screen) : undefined;
      return omitUndefined({ progressAt, tokens, interruption, storedCost, cost, attention });
    },
    interruptKey: "Escape",
    // Claude would read a file for each `@` after white space. The ticket file has the text as it is. Words before it
    // keep a leading `/` or `!` from being a command.
    escapeText: (text) => removeInvisible(text).replaceAll(/(?<=^|\s)@/g, "\\@"),
    async requestExit({ tmux }, ticket) {
      // The command to exit would be a message to the model where a person has begun to type.
      for (let count = 0; count < MAX_EXIT_KEYS; count += 1) {
        const pane = await tmux.findPane(ticket);
        if (!pane || pane.isDead) return;
        await tmux.pressKeys(ticket, ["C-c"]);
        await wait(EXIT_KEY_MS);
      }
    },
    hasEnded({ sessionEnd }) {
      const end = readSessionJson(sessionEnd, z.object({ reason: z.string() }));
      // After /clear the program goes on.
      return end !== undefined && end.reason !== "clear";
    },
    readConversation: findTranscript,
    findConversationProcesses,
    isUnknownConversation: (status, screen) => status === 1 && UNKNOWN_CONVERSATION.test(screen),
    createHome: createClaudeHome,
    forget: conversations.forget,
  };
}

/** Says what a dialog on the screen asks; undefined when none is known there. */
export function findStartDialog(screen: string): string | undefined {
  return START_DIALOGS.find(([pattern]) => pattern.test(screen))?.[1];
}

/** Says why the model does not answer, while Claude repeats its request; undefined when it does not. */
function findModelProblem(screen: string): string | undefined {
  const lines = screen.trimEnd().split("\n").slice(-STATUS_LINES);
  const [, reason, attempt = MIN_ATTEMPT] = RETRY_LINE.exec(lines.join("\n")) ?? [];
  return reason !== undefined && Number(attempt) >= MIN_ATTEMPT
    ? `Claude repeats its request to the model: ${reason}`
    : undefined;
}

/** Creates the reader of all sessions' conversations, which remembers what it has read. */
function createConversationReader() {
  const known = new Map<string, ReadConversation>();
  return {
    /** Reads what is new in the conversation of a ticket's session. */
    read(ticket: string, paths: Parameters<typeof findTranscript>[0]): Conversation {
      const path = findTranscript(paths)?.transcript_path ?? "";
      const before = known.get(ticket);
      const fresh = { path, offset: 0, storedCost: 0, lastUsage: { id: "", input: 0, output: 0 } };
      const conversation = before?.path === path ? before : fresh;
      known.set(ticket, conversation);
      readNewEntries(conversation);
      return conversation;
    },
    forget: (ticket: string) => void known.delete(ticket),
  };
}

function readNewEntries(conversation: ReadConversation): void {
  const { content } = readSessionFile(conversation.path, MAX_READ_BYTES, conversation.offset) ?? {};
  if (!content) return;
  // The last line may still be written.
  const end = content.lastIndexOf("\n") + 1;
  conversation.offset += end === 0 && content.length === MAX_READ_BYTES ? content.length : end;
  for (const line of content.toString("utf8", 0, end).split("\n")) {
    const entry = entrySchema.safeParse(tryParseJson(line)).data;
    if (entry) applyEntry(conversation, entry);
  }
}

function applyEntry(conversation: ReadConversation, entry: Entry): void {
  if (entry.type === "cost-state") {
    conversation.storedCost = entry.totalCostUSD;
    return;
  }
  const at = Date.parse(entry.timestamp);
  delete conversation.interruption;
  if (entry.type === "user") {
    const isInterruption = interruptionSchema.safeParse(entry.message.content).success;
    if (isInterruption) conversation.interruption = { id: entry.uuid, at };
  } else addUsage(conversation, entry);
  if (entry.type === "user" || !entry.isApiErrorMessage) conversation.progressAt = at;
}

function addUsage(conversation: ReadConversation, { message }: Extract<Entry, { type: "assistant" }>): void {
  const { id, usage } = message;
  if (id === undefined || !usage) return;
  const { input, output } = usage;
  const { tokens = { input: 0, output: 0 }, lastUsage } = conversation;
  const counted = lastUsage.id === id ? lastUsage : { input: 0, output: 0 };
  conversation.tokens = {
    input: tokens.input + input - counted.input,
    output: tokens.output + output - counted.output,
  };
  conversation.lastUsage = { id, input, output };
}
