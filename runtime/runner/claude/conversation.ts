/**
 * What the conversation of a session tells that Claude Code has stored: how far it is, how many tokens it has used, and
 * whether somebody has interrupted it. The file only grows, so each look reads what is new in it.
 */

import { z } from "zod";
import { tryParseJson } from "../../../shared/text.ts";
import type { SessionState } from "../driver.ts";
import { readSessionFile } from "../session-folder.ts";
import { findTranscript } from "./claude-process.ts";

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

/** Creates the reader of all sessions' conversations, which remembers what it has read. */
export function createConversationReader() {
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
