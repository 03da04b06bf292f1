import type { Settings } from "../../../shared/config/settings.ts";
import type { Deps } from "../../../shared/deps.ts";
import type { CommandName } from "../../../shared/i18n/texts/answer-texts.ts";
import type { Job, Put, Revision, StoreKey } from "../../../shared/store/port.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/bot.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import { type CallContext, createCallContext, type WorkDeps } from "../../../shared/work/context/call-context.ts";
import type { Presentation } from "../presentation/notification-details.ts";

export type CommandDeps = WorkDeps & Pick<Deps, "telegram" | "clock"> & { settings: Settings };

/** One thing that somebody who may has said or pressed. */
export interface CommandContext {
  deps: CommandDeps;
  /** Names it: however often it comes, it has one effect. */
  id: string;
  /** An earlier try ended in it: what it asks for may be done, in part or whole, and is not said to have been so before. */
  isRetry: boolean;
  correlation: string;
  chat: ChatId;
  /** Who: Telegram's number, and a name that no agent can have. */
  from: { id: number; name: string };
  /** In their language. */
  presentation: Presentation;
}

/** What is said in answer. */
export interface ReplyMessage {
  rich: RichText;
  buttons?: InlineButton[][];
}

/** What comes of it, all in one commit with the mark that it was heard. */
export interface CommandResult {
  /** A message of its own. */
  reply?: ReplyMessage;
  /** The message that was pressed, or another of ours, says this from now on. */
  replaceMessage?: ReplyMessage & { messageId: number };
  /** Shown for a moment to whoever pressed. */
  toast?: string;
  expect?: [StoreKey, Revision][];
  put?: Put[];
  jobs?: Job[];
}

/** What a word after `/plane` does. It may be worked again when the process ended in it: it says so by being the same. */
export interface TelegramCommand {
  name: CommandName;
  /** Other words that call it. */
  aliases: readonly string[];
  run(heard: CommandContext, args: string): Promise<CommandResult>;
}

/** What a button does: its data is `verb:id:arg`, the id names what is kept of what was shown. */
export type ButtonHandler = (
  heard: CommandContext,
  pressed: { messageId: number; id: string; arg: string },
) => Promise<CommandResult>;

/** What a reply to a message of ours does; undefined: this is not about that message. */
export type ReplyHandler = (
  heard: CommandContext,
  said: { to: number; text: string },
) => Promise<CommandResult | undefined>;

/** The hands of whoever said it: the human's, who may do everything. */
export function createCommandCallContext({ deps, from, correlation }: CommandContext): CallContext {
  return createCallContext(deps, { name: from.name, role: "human" }, correlation);
}

/** A short id for what is kept of a message; with a verb and an argument it fits into a button's 64 bytes. */
export function createShortId({ deps }: CommandContext): string {
  return deps.newId().replaceAll("-", "").slice(0, 16);
}
