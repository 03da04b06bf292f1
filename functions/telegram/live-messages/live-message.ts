/** A message that stays up to date: its record and kinds, and the lines that all kinds share. */

import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import type { Put, SetName, Store, StoredRow, StoreKey } from "../../../shared/store/port.ts";
import type { PlanEvent, WorkEvent } from "../../../shared/task/events.ts";
import type { RequestRecord } from "../../../shared/task/request.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/bot.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  type TextPart,
  toBold,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanLine, cleanText } from "../../../shared/text.ts";
import { isApproving, type TicketWait } from "../../../shared/tickets/ticket.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import type { ShownMessage } from "../delivery/messages.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  findPageLink,
  type Presentation,
  STATUS_EMOJI,
} from "../presentation/presentation.ts";

/** The events that are sent as live messages: of requests, and steps of a ticket that a person must know. */
export type LiveEvent =
  | Extract<WorkEvent | PlanEvent, { kind: "asked" | "review" | "plan_proposed" }>
  | (Extract<WorkEvent, { kind: "ticket" }> & { wait: TicketWait });

/** The message of a request. */
export interface RequestMessage {
  /** The id of the task, the plan or the request itself: all messages about it are refreshed together. */
  subject: { id: string };
  /** Id of the request, and the hash of what the message shows. */
  request: string;
  hash: string;
  /** Its number among the reminders of the request; 0 for the first message. */
  reminder: number;
  /** Somebody pressed the button that asks for their own words. */
  asking?: true;
  /** The options that are marked; of a question that takes several. */
  marked?: number[];
}

/** The message of a step of a ticket that is no request. */
export interface TicketMessage {
  subject: { id: string };
  event: Extract<LiveEvent, { kind: "ticket" }>;
}

export type LiveSubject = RequestMessage | TicketMessage;

/** A message that is kept up to date until what it shows is closed. */
export type LiveMessage = ShownMessage & LiveSubject;

/** The label of a button, and what its press does: part of its data. */
export type LiveButton = readonly [label: string, action: string];

/** What the renderers use of a delivery or a command. */
export interface RenderContext extends Pick<DeliveryContext, "chat" | "presentation"> {
  deps: Pick<DeliveryContext["deps"], "store" | "settings">;
}

/** Where what a message does not show whole can be read. */
export type WholePlace = "page" | "terminal" | "unknown";

/** What a live message shows, before its length and its buttons are settled. */
export interface LiveContent {
  /** What waits; shortened when it does not fit. */
  lines: TextPart[];
  /** What came of it. The message is closed: nothing can change it any more. */
  outcome?: TextPart[];
  /** How far it is; while it waits. */
  progress?: TextPart[];
  /** What can be done: the last line, only where people can do it. */
  hint?: TextPart;
  /** Rows of buttons of an open request: an answer, the number of an option, or `ASK_FOR_WORDS`. */
  rows?: readonly LiveButton[][];
  /** The texts without which nobody approves or allows. */
  judged?: readonly string[];
  /** The place where to allow what the message does not show whole. */
  elsewhere?: WholePlace;
}

/** What a message should show. */
export interface MessageView {
  rich: RichText;
  buttons?: InlineButton[][];
  /** Nothing can change the message any more, or no agent is working on the task. */
  isClosed: boolean;
  /** The message does not show all that is judged: nobody approves or allows here what they cannot see. */
  elsewhere?: WholePlace;
}

/** What came of a request: a line, and a person's words. `isPending`: more comes of it, so the message stays open. */
export interface Outcome {
  emoji: string;
  line: RichText;
  words?: string | undefined;
  isPending?: true;
}

/** How one kind of request looks in Telegram, and what people read about the answer to it. */
export interface RequestRenderer {
  /** What is asked. */
  render(context: RenderContext, request: RequestRecord, message: RequestMessage): Promise<LiveContent>;
  /** What came of it when nobody has decided, where that does not follow from its ticket. */
  findClosure?(context: RenderContext, request: RequestRecord): Promise<Outcome>;
  /** What came of its verdict, where that is not what the answer is elsewhere. */
  findVerdict?(context: RenderContext, request: RequestRecord): Promise<Outcome | undefined>;
}

/** The action of a button that asks for a person's own words. */
export const ASK_FOR_WORDS = "words";

/** Retention for closed messages: 30 days, so that a late press or reply gets an explanation. */
const CLOSED_RETENTION: Ms = 30 * DAY;

/** Retention for open messages: 180 days, longer than any question waits. */
const OPEN_RETENTION: Ms = 180 * DAY;

/** Telegram's limit for the data of a button, in bytes (Bot API, InlineKeyboardButton). */
const BUTTON_DATA_LIMIT = 64;

/** Units of the hash that a button's data has space for. */
export const BUTTON_HASH_LENGTH = 12;

/** Maximum number of options that have a button; any other one can be named in a reply. */
export const OPTION_LIMIT = 8;

/** Limit of a button's label in UTF-16 units. */
export const LABEL_LIMIT = 40;

/** Lines of what a person or an agent says, and of what is judged: about one and two screens of a phone. */
export const SHORT_LINES = 20;

const LONG_LINES = 40;

/** Limit of a text to which the mark of a possible repeat may be added, in any language. */
export const VIEW_TEXT_LIMIT = MESSAGE_LIMIT - 100;

/** The data of a button is `r:id:action.hash`. Short, because it has 64 bytes. */
export const BUTTON_VERB = "r";

export const liveMessageKey = (chat: ChatId, messageId: number): StoreKey => `live:${chat}:${messageId}`;

export function createLiveMessagePut(chat: ChatId, liveMessage: LiveMessage, isClosed: boolean): Put {
  const key = liveMessageKey(chat, liveMessage.messageId);
  if (isClosed) return { key, value: liveMessage, expires: CLOSED_RETENTION };
  return { key, value: liveMessage, sets: [liveMessageSet(chat, liveMessage.subject.id)], expires: OPEN_RETENTION };
}

const liveMessageSet = (chat: ChatId, subjectId: string): SetName => `live:${chat}:${subjectId}`;

/** Reads the open messages about a subject in a chat. */
export async function readLiveMessages(
  store: Pick<Store, "scan">,
  chat: ChatId,
  subjectId: string,
): Promise<StoredRow<LiveMessage>[]> {
  return (await store.scan<LiveMessage>(liveMessageSet(chat, subjectId))).rows;
}

/**
 * Renders what a message shows: long texts are shortened, never the last lines, which say who decided or what to do.
 * @param request the open request that its buttons answer
 */
export function renderView(context: RenderContext, content: LiveContent, request?: RequestRecord): MessageView {
  const { lines, outcome, progress = [], hint, rows = [], judged = [] } = content;
  const isClosed = outcome !== undefined;
  const isAnswerable = !isClosed && acceptsInputInChat(context);
  const render = (lastLine: TextPart) => {
    const tail = joinRichText([...(outcome ?? progress), isAnswerable ? lastLine : undefined], "\n");
    const head = truncateRichText(joinRichText(lines, "\n"), VIEW_TEXT_LIMIT - tail.text.length - 1);
    return joinRichText([head, tail.text === "" ? undefined : tail], "\n");
  };
  const whole = render(hint);
  const isShown = judged.every((text) => whole.text.includes(joinRichText(toSafeLines(text), "\n").text));
  const elsewhere = content.elsewhere ?? (isShown ? undefined : "page");
  const rich = elsewhere ? render(renderElsewhere(context, elsewhere)) : whole;
  const offered = elsewhere ? rows.map((row) => row.filter(([, action]) => !isApproving(action))) : rows;
  const buttons = request && isAnswerable ? toInlineButtons(request, offered) : undefined;
  return omitUndefined({ rich, isClosed, elsewhere, buttons });
}

/** Creates a button for each of the first options: its number is the action, and a mark says what is chosen of several. */
export function createOptionRows(
  { options, session }: RequestRecord,
  marked: readonly number[] = [],
): readonly LiveButton[][] {
  const toMark = (i: number) => (session?.isMultiple ? (marked.includes(i) ? "☑ " : "☐ ") : "");
  return options
    .slice(0, OPTION_LIMIT)
    .map(({ label }, i) => [[toMark(i) + (cleanLine(label, LABEL_LIMIT) || String(i + 1)), String(i)]]);
}

/** Says where to read and approve what the message does not show whole. */
function renderElsewhere({ presentation }: RenderContext, place: WholePlace): TextPart {
  const { allowElsewhere, page } = presentation.texts.live.ticket;
  const link = place === "page" && findPageLink(presentation, "/inbox", page);
  return link ? fillTemplate(allowElsewhere.linked, { page: link }) : allowElsewhere[place];
}

/** The buttons, whose data names the request and what was shown of it; undefined where that does not fit. */
function toInlineButtons({ id, hash }: RequestRecord, rows: readonly LiveButton[][]): InlineButton[][] | undefined {
  const toData = (action: string) => `${BUTTON_VERB}:${id}:${action}.${hash.slice(0, BUTTON_HASH_LENGTH)}`;
  const buttons = rows
    .filter((row) => row.length > 0)
    .map((row) => row.map(([text, action]) => ({ text, data: toData(action) })));
  const fits = buttons.flat().every(({ data }) => new TextEncoder().encode(data).length <= BUTTON_DATA_LIMIT);
  return fits && buttons.length > 0 ? buttons : undefined;
}

/** `❓ Question from Thot: ONB-12 Write the welcome mail`. No text of an agent comes before the name of the agent. */
export function renderHeadline(
  { texts }: Presentation,
  [emoji, title]: readonly [emoji: string, text: string],
  subject: RichText | undefined,
  agent?: string,
): RichText {
  const from = agent === undefined ? [] : [` ${texts.fromAgent} `, toSafeText(agent, 80)];
  return joinRichText([`${emoji} `, toBold(title), ...from, subject ? texts.colon : texts.colon.trimEnd(), subject]);
}

/** What a verdict is called: an emoji, and its name in the texts. */
type VerdictLook = readonly [emoji: string, name: keyof TelegramTexts["live"]["verdicts"]];

export const ANSWERED: VerdictLook = ["💡", "answered"];

/** What each answer is called; any other one is an answer in words. */
export const VERDICTS = {
  approve: [STATUS_EMOJI.done, "approved"],
  reject: [STATUS_EMOJI.cancelled, "rejected"],
  send_back: [EVENT_EMOJI.sent_back, "sentBack"],
  cancel: [STATUS_EMOJI.cancelled, "cancelled"],
  allow: ["✅", "allowed"],
  allow_always: ["✅", "allowedByRule"],
  allow_in_repo: ["✅", "allowedByRule"],
  deny: ["⛔", "denied"],
  extend: ["⏱️", "extended"],
  resume: ["▶️", "resumed"],
  complete: ["🏁", "completed"],
} satisfies Readonly<Record<string, VerdictLook>>;

/** A verdict with what the person wrote. The summary of a completion is that of the result. */
export function renderVerdict(
  { texts }: Presentation,
  { verdict, session }: RequestRecord,
  [emoji, name]: VerdictLook = ANSWERED,
): Outcome {
  const { by = "", comment: words } = verdict ?? {};
  const values = { by: toSafeText(by, 80), rule: toSafeText(session?.rule ?? "") };
  const line = fillTemplate(texts.live.verdicts[name], values);
  return name === "completed" ? { emoji, line } : { emoji, line, words };
}

/** Renders what came of a request, with what the person wrote. */
export function renderOutcome({ texts }: Presentation, { emoji, line, words = "" }: Outcome): RichText[] {
  const head = joinRichText([`${emoji} `, toBold(line)]);
  return words === "" ? [head] : [joinRichText([head, texts.colon]), ...toSafeLines(words, 1_000, SHORT_LINES)];
}

/** Makes a text of others safe, line by line: at most `limit` UTF-16 units and `count` lines of it. */
export function toSafeLines(text: string, limit = text.length, count = Number.POSITIVE_INFINITY): RichText[] {
  const lines = cleanText(text, limit)
    .split("\n")
    .map((line) => toSafeText(line, limit))
    .filter((line) => line.text !== "");
  return lines.length > count ? [...lines.slice(0, count), toPlainText("…")] : lines;
}

/** Whether a chat is that of the settings, to which all requests are sent. */
export function isConfiguredChat({ deps, chat }: Pick<RenderContext, "deps" | "chat">): boolean {
  const configuredChat = deps.settings.telegram?.chat;
  return configuredChat !== undefined && String(configuredChat).toLowerCase() === String(chat).toLowerCase();
}

/** Buttons and replies are handled in the configured chat, and in people's own chats with the bot. */
function acceptsInputInChat(context: Pick<RenderContext, "deps" | "chat">): boolean {
  const { people = [] } = context.deps.settings;
  return isConfiguredChat(context) || people.some(({ telegram }) => telegram === context.chat);
}

/** A text of others as plain lines, of which at most `limit` UTF-16 units are shown: it ends in "…" then. */
export function toLongLines(text: string, limit: number): RichText[] {
  return toSafeLines(text, limit, LONG_LINES);
}
