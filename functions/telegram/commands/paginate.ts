import { DECISION_LOG_MS } from "../../../shared/decision-log/decision-log.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { joinRichText, type RichText, toPlainText, truncateRichText } from "../../../shared/telegram/rich-text.ts";
import type { Ms } from "../../../shared/time.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import {
  type ButtonHandler,
  type CommandContext,
  type CommandResult,
  createShortId,
  type ReplyMessage,
} from "./command.ts";

/** A page is full at this many lines or UTF-16 units: about one screen of a phone. */
const PAGE_LINES = 24;
const PAGE_UNITS = 1_800;

/** Retention for pages: as long as the messages in the log, whose buttons turn them. */
const PAGES_RETENTION: Ms = DECISION_LOG_MS;

interface KeptPages {
  pages: RichText[];
}

const pagesKey = (id: string) => `pages:${id}`;

/** Replies with these lines. A reply of several pages is stored and paged with buttons. */
export function paginateReply(context: CommandContext, lines: readonly RichText[]): CommandResult {
  const pages = splitIntoPages(lines);
  const [first = toPlainText("–")] = pages;
  if (pages.length < 2) return { reply: { rich: first } };
  const id = createShortId(context);
  return {
    reply: renderPage(context, id, pages, 0),
    put: [{ key: pagesKey(id), value: { pages } satisfies KeptPages, expires: PAGES_RETENTION }],
  };
}

export const pageButtonHandler: ButtonHandler = async (context, { messageId, id, arg }) => {
  const [stored] = await context.deps.store.read<KeptPages>([pagesKey(id)]);
  const n = Number(arg);
  if (!stored?.value.pages[n]) return { toast: context.presentation.texts.answers.expiredButton };
  return { replaceMessage: { messageId, ...renderPage(context, id, stored.value.pages, n) } };
};

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
