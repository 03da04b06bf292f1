/** Buttons below a reply: choices that run a command, and pages of a long text. */

import type { CommandName } from "../../../shared/i18n/texts.ts";
import { keepDefined, omitUndefined } from "../../../shared/omit-undefined.ts";
import { DECISION_LOG_MS } from "../../../shared/task/rule-set.ts";
import {
  joinRichText,
  type RichText,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import { fillTemplate } from "../presentation/presentation.ts";
import {
  type ButtonHandler,
  type ChoiceCommand,
  type CommandContext,
  type CommandResult,
  createShortId,
  type ReplyMessage,
  type TelegramCommand,
} from "./command.ts";

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
  const omitted = omittedCount > 0 ? [format.count(texts.answers.moreMatches, omittedCount)] : [];
  const record: ChoiceRecord = { options: offered.map(({ command, args }) => ({ command, args })) };
  const buttons = offered.map(({ label }, n) => [
    { text: cleanLine(label, LABEL_LIMIT) || "–", data: `pick:${id}:${n}` },
  ]);
  return {
    reply: { rich: joinRichText([question, ...omitted], "\n"), buttons },
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
export function paginateReply(context: CommandContext, lines: readonly RichText[]): CommandResult {
  const pages = splitIntoPages(lines);
  const [first = toPlainText("–")] = pages;
  if (pages.length < 2) return { reply: { rich: first } };
  const id = createShortId(context);
  return {
    reply: renderPage(context, id, pages, 0),
    put: [{ key: pagesKey(id), value: { pages } satisfies PagesRecord, expires: PAGES_RETENTION }],
  };
}

function splitIntoPages(lines: readonly RichText[]): RichText[] {
  const pages: RichText[][] = [];
  let units = 0;
  for (const line of lines.map((untruncated) => truncateRichText(untruncated, PAGE_UNITS))) {
    const page = pages.at(-1);
    units += line.text.length + 1;
    if (page && page.length < PAGE_LINES && units <= PAGE_UNITS) page.push(line);
    else {
      pages.push([line]);
      units = line.text.length + 1;
    }
  }
  return pages.map((page) => joinRichText(page, "\n")).filter(({ text }) => text.trim() !== "");
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
