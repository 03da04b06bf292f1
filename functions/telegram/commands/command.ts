import type { Deps, TaskDeps } from "../../../shared/app/deps.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { GroundcrewError } from "../../../shared/errors.ts";
import type { CommandName } from "../../../shared/i18n/texts.ts";
import type { Person } from "../../../shared/people/directory.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import type { Job, Put, Revision, StoreKey } from "../../../shared/store/port.ts";
import type { ValueUpdate } from "../../../shared/store/records.ts";
import { type CallContext, createCallContext } from "../../../shared/tasks/call-context.ts";
import type { WishMessage } from "../../../shared/tasks/wishes.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/bot.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";
import { fillTemplate, type Presentation } from "../presentation/presentation.ts";

export type CommandDeps = TaskDeps & Pick<Deps, "telegram" | "clock"> & { settings: Settings };

/** One command, press or reply of an authorized user. */
export interface CommandContext {
  /** With which to read: of a person only what is in their projects. */
  deps: CommandDeps;
  /** With which to act: what a person does may concern more than they see. */
  allDeps: CommandDeps;
  /** Id of the update's job, which makes a repeated update have its effect once. */
  id: string;
  /** An earlier try was interrupted and may have done part or all of it: this is not reported as "no change". */
  isRetry: boolean;
  correlation: string;
  chat: ChatId;
  /** The user: Telegram's user id, a name that no agent can have, and who it is where the settings name the number. */
  from: { id: number; name: string; person?: Person };
  /** In the user's language. */
  presentation: Presentation;
  /** When the message was written, by Telegram's clock; absent for input at the dashboard. */
  writtenAt?: Ms;
  /** The message in Telegram that the user wrote or pressed; absent for input at the dashboard. */
  message?: WishMessage;
}

/** A message sent in reply. */
export interface ReplyMessage {
  rich: RichText;
  buttons?: InlineButton[][];
  /** Plane's ids of the tasks that it is about: a reply to it is about them, too. */
  tasks?: string[];
}

/** The effects of an update, committed together with the record that the update was handled. */
export interface CommandResult {
  /** A new message. */
  reply?: ReplyMessage;
  /** Replaces the pressed message, or another message of the bot. */
  replaceMessage?: ReplyMessage & { messageId: number };
  /** What a person did besides reading, and the key of the task that it is about; for the audit. */
  action?: { name: string; task?: string | undefined };
  /** Shown for a moment to the user who pressed the button. */
  toast?: string;
  expect?: [StoreKey, Revision][];
  put?: Put[];
  jobs?: Job[];
  release?: [StoreKey, number];
  /** Runs once the effects are committed. */
  afterCommit?: ValueUpdate["afterCommit"];
}

/** A command after `/plane`. After a crash it may run again with the same context, so it must be idempotent. */
export interface TelegramCommand {
  name: CommandName;
  /** Other words for the same command. */
  aliases: readonly string[];
  /**
   * Whether a text without a slash can only be meant as this command with these arguments; absent where its word also
   * begins sentences.
   */
  isMeant?(context: CommandContext, args: string): boolean | Promise<boolean>;
  run(context: CommandContext, args: string): Promise<CommandResult>;
}

/** A command that only a button runs: nobody can type it. */
export type ChoiceCommand = Pick<TelegramCommand, "run"> & { name: "answer" | "verdict" | "recur" };

/** Handles the press of a button. Its data is `verb:id:arg`; the id names the record of the shown choices. */
export type ButtonHandler = (
  context: CommandContext,
  press: { messageId: number; id: string; arg: string },
) => Promise<CommandResult>;

/** A message of the bot that somebody replies to, as Telegram or the log has it. */
export interface RepliedMessage {
  text: string;
  /** The data of its buttons. */
  buttons: readonly string[];
  /** It is in the log, with what else is stored about it. */
  isLogged: boolean;
}

/**
 * Handles a reply to a message; undefined if the message is not one that this handler knows. `message` is absent when
 * the bot has not written it.
 */
export type ReplyHandler = (
  context: CommandContext,
  reply: { to: number; text: string; message: RepliedMessage | undefined },
) => Promise<CommandResult | undefined>;

/** Creates a result that only replies, with a template filled in. */
export function replyText(template: string, values: Record<string, RichText | string> = {}): CommandResult {
  return { reply: { rich: fillTemplate(template, values) } };
}

/** Records in a result that its reply is about this task, so that people can reply to it. */
export function addReplyTask(result: CommandResult, { id }: Pick<Task, "id">): CommandResult {
  return result.reply ? { ...result, reply: { ...result.reply, tasks: [id] } } : result;
}

/** Throws `forbidden` for a guest of the workspace, who only reads. */
export function requireMember({ from }: Pick<CommandContext, "from">): void {
  if (from.person?.role === "guest")
    throw new GroundcrewError("forbidden", "Guests of the Plane workspace only read.", {
      refusal: { name: "membersOnly" },
    });
}

/** Users of Telegram act as the human, who is allowed to do everything, unless the settings name a guest. */
export function createCommandCallContext(context: CommandContext): CallContext {
  requireMember(context);
  return createReadCallContext(context);
}

/** The same with which to read from Plane, for guests, too. What is found is shown only if the person's `deps` have it. */
export function createReadCallContext({ allDeps, from, correlation }: CommandContext): CallContext {
  return createCallContext(allDeps, { name: from.name, role: "human" }, correlation);
}

/** Creates a short id for the record of a message: with a verb and an argument it fits into a button's 64 bytes. */
export function createShortId({ deps }: CommandContext): string {
  return deps.newId().replaceAll("-", "").slice(0, 16);
}
