/**
 * What a command, a press and a reply get and return; and the buttons below a reply: choices that run a command, and
 * pages of a long text.
 */

import type { Deps, TaskDeps } from "../../../shared/app/deps.ts";
import type { Settings } from "../../../shared/config/settings.ts";
import { GroundcrewError } from "../../../shared/errors.ts";
import type { CommandName } from "../../../shared/i18n/texts.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Person } from "../../../shared/people/directory.ts";
import type { Task } from "../../../shared/records/plane-records.ts";
import type { Job, Put, Revision, StoreKey } from "../../../shared/store/port.ts";
import type { ValueUpdate } from "../../../shared/store/records.ts";
import { DECISION_LOG_MS } from "../../../shared/task/rule-set.ts";
import { type CallContext, createCallContext } from "../../../shared/tasks/call-context.ts";
import type { WishMessage } from "../../../shared/tasks/wishes.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/bot.ts";
import {
  joinRichText,
  type RichText,
  splitIntoMessages,
  type TextPart,
  toPlainText,
  toSafeText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
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

/** One of several possible meanings: the label of its button, and the command that the button runs. */
export interface CommandOption {
  label: string;
  command: CommandName | ChoiceCommand["name"];
  args: string;
}

/** The stored choice: the command of each button, and who has chosen. */
interface ChoiceRecord {
  options: Pick<CommandOption, "command" | "args">[];
  chosen?: string;
}

interface PagesRecord {
  pages: RichText[];
}

/** Maximum number of buttons: more are hard to tell apart. */
const OPTION_LIMIT = 8;

const LABEL_LIMIT = 60;

/** Retention for choices: 1 day, since a later press is unlikely to be intended. */
const CHOICE_RETENTION: Ms = DAY;

/** A page is full at this many lines or UTF-16 units: about one screen of a phone. */
const PAGE_LINES = 24;

const PAGE_UNITS = 1_800;

/** Retention for pages: as long as the messages in the log, whose buttons turn them. */
const PAGES_RETENTION: Ms = DECISION_LOG_MS;

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
function createShortId({ deps }: CommandContext): string {
  return deps.newId().replaceAll("-", "").slice(0, 16);
}

/** Asks which option is meant. A press runs the option's command, once. */
export function offerChoices(
  context: CommandContext,
  question: RichText | string,
  options: readonly CommandOption[],
): CommandResult {
  const { texts, format } = context.presentation;
  const id = createShortId(context);
  const offered = options.slice(0, OPTION_LIMIT);
  const omittedCount = options.length - offered.length;
  const omitted = omittedCount > 0 ? format.count(texts.answers.moreMatches, omittedCount) : undefined;
  const record: ChoiceRecord = { options: offered.map(({ command, args }) => ({ command, args })) };
  const buttons = offered.map(({ label }, n) => [
    { text: cleanLine(label, LABEL_LIMIT) || "–", data: `pick:${id}:${n}` },
  ]);
  return {
    reply: { rich: joinRichText([question, omitted], "\n"), buttons },
    put: [{ key: choiceKey(id), value: record, expires: CHOICE_RETENTION }],
  };
}

const choiceKey = (id: string) => `choice:${id}`;

/** Handles the press of an option: the command's reply replaces the question. */
export function createChoiceHandler(
  getCommand: (name: CommandOption["command"]) => Pick<TelegramCommand, "run"> | undefined,
): ButtonHandler {
  return async (context, { messageId, id, arg }) => {
    const { answers } = context.presentation.texts;
    const [stored] = await context.deps.store.read<ChoiceRecord>([choiceKey(id)]);
    const option = stored?.value.options[Number(arg)];
    const command = option && getCommand(option.command);
    if (!stored || !option || !command) return { toast: answers.expiredButton };
    if (stored.value.chosen !== undefined)
      return { toast: fillTemplate(answers.alreadyChosen, { who: toSafeText(stored.value.chosen, 60) }).text };
    const { reply, ...result } = await command.run(context, option.args);
    const chosen: ChoiceRecord = { ...stored.value, chosen: context.from.name };
    return {
      ...result,
      ...omitUndefined({ replaceMessage: reply ? { ...reply, messageId } : undefined }),
      expect: [...(result.expect ?? []), [choiceKey(id), stored.rev]],
      put: [...(result.put ?? []), { key: choiceKey(id), value: chosen, expires: CHOICE_RETENTION }],
    };
  };
}

/** Replies with these lines. A reply of several pages is stored and paged with buttons. */
export function paginateReply(context: CommandContext, lines: readonly TextPart[]): CommandResult {
  const pages = splitIntoMessages(lines, PAGE_UNITS, PAGE_LINES);
  const [first = toPlainText("–")] = pages;
  if (pages.length < 2) return { reply: { rich: first } };
  const id = createShortId(context);
  return {
    reply: renderPage(context, id, pages, 0),
    put: [{ key: pagesKey(id), value: { pages } satisfies PagesRecord, expires: PAGES_RETENTION }],
  };
}

function renderPage({ presentation }: CommandContext, id: string, pages: readonly RichText[], n: number): ReplyMessage {
  const { back, next } = presentation.texts.answers;
  const button = (text: string, to: number) => {
    const label = fillTemplate(text, { n: String(to + 1), total: String(pages.length) }).text;
    return { text: label, data: `page:${id}:${to}` };
  };
  const row = keepDefined([
    n > 0 ? button(back, n - 1) : undefined,
    n < pages.length - 1 ? button(next, n + 1) : undefined,
  ]);
  return { rich: pages[n] ?? toPlainText("–"), buttons: [row] };
}

const pagesKey = (id: string) => `pages:${id}`;

export const pageButtonHandler: ButtonHandler = async (context, { messageId, id, arg }) => {
  const [stored] = await context.deps.store.read<PagesRecord>([pagesKey(id)]);
  const n = Number(arg);
  if (!stored?.value.pages[n]) return { toast: context.presentation.texts.answers.expiredButton };
  return { replaceMessage: { messageId, ...renderPage(context, id, stored.value.pages, n) } };
};
