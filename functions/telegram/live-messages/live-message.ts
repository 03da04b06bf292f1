/** A message that stays up to date: its record and kinds, and the lines that all kinds share. */

import { sha256Hex } from "../../../shared/hashing.ts";
import type { Put, SetName, Store, StoredRow, StoreKey } from "../../../shared/store/port.ts";
import type { PlanEvent, WorkEvent } from "../../../shared/task/events.ts";
import type { RequestDecision, RequestKindName, RequestRecord } from "../../../shared/task/request.ts";
import type { ChatId, InlineButton } from "../../../shared/telegram/bot.ts";
import {
  joinRichText,
  MESSAGE_LIMIT,
  type RichText,
  toBold,
  toLink,
  toPlainText,
  toSafeText,
  truncateRichText,
} from "../../../shared/telegram/rich-text.ts";
import { cleanText } from "../../../shared/text.ts";
import type { TicketWait } from "../../../shared/tickets/ticket.ts";
import { DAY, type Ms } from "../../../shared/time.ts";
import type { CommandContext, CommandResult } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { fillTemplate, type Presentation } from "../presentation/presentation.ts";

/** The events of requests. */
export type RequestEvent = Extract<WorkEvent | PlanEvent, { kind: "asked" | "review" | "plan_proposed" }>;

/** A step of a ticket that a person must know. */
export type TicketWaitEvent = Extract<WorkEvent, { kind: "ticket" }> & { wait: TicketWait };

/** The events that are sent as live messages. */
export type LiveEvent = RequestEvent | TicketWaitEvent;

/** The task of a message, in the state in which the message was sent. */
export interface TaskSubject {
  /** Plane's id of the work item. */
  id: string;
  key: string;
  title: string;
  url: string;
}

/** What a message is about. Without a task it has an id only: that of its question or plan. */
export type MessageSubject = TaskSubject | { id: string };

/** A question, review, plan or ticket that waits for a human. It is kept up to date until it is closed. */
export type LiveMessage = {
  /** Hash of the view that the message shows now. */
  viewHash: string;
  /** An earlier send may have arrived too. */
  repeat: boolean;
} & (
  | {
      event: { kind: RequestEvent["kind"]; reminder: number };
      subject: { id: string };
      /** Id of the request, its kind, and the hash of what the message shows. */
      request: string;
      kind: RequestKindName;
      hash: string;
      /** Somebody pressed the button that asks for their own words. */
      asking?: true;
      /** The options that are marked; of a question that takes several. */
      marked?: number[];
    }
  | {
      event: TicketWaitEvent;
      subject: TaskSubject;
    }
);

export type LiveRequestMessage = Extract<LiveMessage, { request: string }>;

export type LiveTicketMessage = Extract<LiveMessage, { event: TicketWaitEvent }>;

/** The label of a button, and what its press does: part of its data. */
export type LiveButton = readonly [label: string, action: string];

/** What a live message shows, before its length and its buttons are settled. */
export interface LiveContent {
  /** What waits. With a function, as much of it as fits into this many UTF-16 units. */
  lines: RichText[] | ((limit: number) => RichText[]);
  /** What came of it. The message is closed: nothing can change it any more. */
  outcome?: RichText[];
  /** How far it is; while it waits. */
  progress?: RichText[];
  /** What can be done: the last line, only where people can do it. */
  hint?: RichText | string;
  /** Rows of buttons; `id` and `hash` name in their data what was shown. */
  buttons?: { id: string; hash?: string; rows: readonly LiveButton[][] };
}

/** What a message should show. */
export interface MessageView {
  rich: RichText;
  buttons?: InlineButton[][];
  /** Nothing can change the message any more, or no agent is working on the task. */
  isClosed: boolean;
}

/** A press on a button of a live message, whose record is absent when its send got no answer. */
export interface LivePress<M extends LiveMessage> {
  id: string;
  action: string;
  hash: string;
  message: M | undefined;
}

/** The effects of a press or a reply. `message`: what the message shows from now on; its record is made if it has none. */
export type LiveResult = CommandResult & { message?: LiveMessage };

/** How one kind of request reaches people, and what they can do about it. */
export interface LiveKind<M extends LiveMessage = LiveMessage, Event = M["event"]> {
  /** The data of its buttons is `verb:id:action.hash`. */
  verb: string;
  /** Creates the message about an event; undefined for one that nobody could decide. */
  createMessage(context: DeliveryContext, event: Event, subject: TaskSubject | undefined): Promise<M | undefined>;
  render(context: DeliveryContext, message: M): Promise<LiveContent>;
  press(context: CommandContext, press: LivePress<M>): Promise<LiveResult>;
  /**
   * Handles a reply; undefined for one that is no answer, but free text like any other. `passOn` passes it on to the
   * agents of the message's task, or stops their work; `note` is said first.
   */
  reply(
    context: CommandContext,
    message: M,
    text: string,
    passOn: (note?: string) => Promise<LiveResult>,
  ): Promise<LiveResult | undefined>;
}

/** How one kind of request looks in Telegram, and what people read about the answer to it. */
export interface RequestRenderer {
  /** What is asked, with the buttons of an open request: an answer, the number of an option, or `ASK_FOR_WORDS`. */
  render(
    context: DeliveryContext,
    request: RequestRecord,
    message: LiveRequestMessage,
  ): Promise<Pick<LiveContent, "lines" | "progress" | "hint"> & { rows: readonly LiveButton[][] }>;
  /** What came of it. */
  renderOutcome(context: DeliveryContext, request: RequestRecord): Promise<RichText[]>;
  /** How far it is after its verdict; undefined once nothing more comes of it. */
  renderProgress?(context: DeliveryContext, request: RequestRecord): Promise<RichText[] | undefined>;
  /** The notice after a press or a reply: the verdict counts, or another one did, or the request was closed. */
  getOutcomeToast(context: CommandContext, request: RequestRecord, isOwn: boolean): string;
  /** The notices that what was shown has changed, and that words are asked for. */
  getChangedToast(context: CommandContext, request: RequestRecord): string;
  getWordsToast(context: CommandContext): string;
  /** Why an answer cannot be given in the chat, at most 200 characters: nobody allows what the message does not show. */
  explainRefusal?(context: CommandContext, request: RequestRecord, answer: string): string | undefined;
  /**
   * What the words of a reply say. `hint`: they are no answer, and this is said; undefined: they are a comment on the
   * task. `asking`: a button has asked for them.
   */
  readWords?(
    context: CommandContext,
    text: string,
    request: RequestRecord,
    asking: true | undefined,
  ): Pick<RequestDecision, "answer" | "comment"> | { hint: string } | undefined;
}

/** The action of a button that asks for a person's own words. */
export const ASK_FOR_WORDS = "words";

/** Retention for closed messages: 30 days, so that a late press or reply gets an explanation. */
const CLOSED_RETENTION: Ms = 30 * DAY;

/** Retention for open messages: 180 days, longer than any question waits. */
const OPEN_RETENTION: Ms = 180 * DAY;

/** Telegram's limit for the data of a button, in bytes (Bot API, InlineKeyboardButton). */
const BUTTON_DATA_LIMIT = 64;

/** Leaves space for the repeat mark in any language. */
const VIEW_TEXT_LIMIT = MESSAGE_LIMIT - 100;

/** Replies that mean approval. Taking "ok" as a reason to send something back would surprise people. */
const APPROVAL_PATTERN = /^(?:ok|okay|approved?|approuver|approuvée?|👍\p{Emoji_Modifier}?|✅)[.!]*$/iu;

/** The record of a message that is not sent yet, and of one whose send got no answer. */
export const NEW_MESSAGE = { viewHash: "", repeat: false };

export const UNCONFIRMED_MESSAGE = { viewHash: "", repeat: true };

export const toButtonExtras = ({ buttons }: MessageView) => (buttons ? { buttons } : {});

export const liveMessageKey = (chat: ChatId, messageId: number): StoreKey => `live:${chat}:${messageId}`;

export function createLiveMessagePut(
  chat: ChatId,
  messageId: number,
  liveMessage: LiveMessage,
  isClosed: boolean,
): Put {
  const key = liveMessageKey(chat, messageId);
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

/** Returns Telegram's number of the message from its key. */
export function parseMessageId(key: StoreKey): number {
  return Number(key.split(":").at(-1));
}

/** Two views with the same hash look the same, so that a message is only edited when its view changes. */
export async function hashView({ rich, buttons = [] }: Pick<MessageView, "rich" | "buttons">): Promise<string> {
  return (await sha256Hex(JSON.stringify([rich, buttons]))).slice(0, 16);
}

/** Renders what a message shows: long texts are shortened, never the last lines, which say who decided or what to do. */
export function renderView(
  context: DeliveryContext,
  verb: string,
  { lines, outcome, progress = [], hint, buttons }: LiveContent,
): MessageView {
  const isClosed = outcome !== undefined;
  const isAnswerable = !isClosed && acceptsInputInChat(context);
  const hints = isAnswerable && hint !== undefined ? [joinRichText([hint])] : [];
  const tail = joinRichText([...(outcome ?? progress), ...hints], "\n");
  const limit = VIEW_TEXT_LIMIT - tail.text.length - 1;
  const head = joinRichText(typeof lines === "function" ? lines(limit) : lines, "\n");
  const rich = joinRichText([truncateRichText(head, limit), ...(tail.text === "" ? [] : [tail])], "\n");
  return { rich, isClosed, ...(isAnswerable && buttons ? toInlineButtons(verb, buttons) : {}) };
}

function toInlineButtons(
  verb: string,
  { id, hash, rows }: NonNullable<LiveContent["buttons"]>,
): Pick<MessageView, "buttons"> {
  const suffix = hash === undefined ? "" : `.${hash}`;
  const buttons = rows.map((row) => row.map(([text, action]) => ({ text, data: `${verb}:${id}:${action}${suffix}` })));
  const fits = buttons.flat().every(({ data }) => new TextEncoder().encode(data).length <= BUTTON_DATA_LIMIT);
  return fits && buttons.length > 0 ? { buttons } : {};
}

/** `❓ Question from Thot: ONB-12 Write the welcome mail`. No text of an agent comes before the name of the agent. */
export function renderHeadline(
  { texts }: Presentation,
  title: readonly [emoji: string, text: string],
  subject: RichText | undefined,
  agent?: string,
): RichText {
  const from = agent === undefined ? [] : [` ${texts.fromAgent} `, toSafeText(agent, 80)];
  const colon = subject ? [texts.colon, subject] : [texts.colon.trimEnd()];
  return joinRichText([`${title[0]} `, toBold(title[1]), ...from, ...colon]);
}

/** Renders who decided, and what they wrote. */
export function renderVerdict(
  { texts }: Presentation,
  emoji: string,
  line: RichText,
  detail: string | null = null,
  limit = 1_000,
): RichText[] {
  const head = joinRichText([`${emoji} `, toBold(line)]);
  return detail === null ? [head] : [joinRichText([head, texts.colon]), ...toSafeLines(detail, limit)];
}

/** Makes a text of others safe, line by line: at most `limit` UTF-16 units and twenty lines of it. */
export function toSafeLines(text: string, limit: number): RichText[] {
  const lines = cleanText(text, limit)
    .split("\n")
    .map((line) => toSafeText(line, limit))
    .filter((line) => line.text !== "");
  return lines.length > 20 ? [...lines.slice(0, 20), toPlainText("…")] : lines;
}

/** Buttons and replies are handled in the configured chat only. */
export function acceptsInputInChat({ deps, chat }: DeliveryContext): boolean {
  const configuredChat = deps.settings.telegram?.chat;
  return configuredChat !== undefined && String(configuredChat).toLowerCase() === String(chat).toLowerCase();
}

/**
 * Renders a text of others as plain lines, of which at most `limit` UTF-16 units are shown. A person decides about the
 * whole text, so a shortened one says so and links to the page.
 */
export function renderLongText({ deps, presentation }: DeliveryContext, text: string, limit: number): RichText[] {
  const lines = toSafeLines(text, limit);
  const isShortened = cleanText(text, text.length).length > limit || lines.at(-1)?.text === "…";
  if (!isShortened) return lines;
  const { ticket: texts } = presentation.texts.live;
  const page = findPageLink(deps.settings.publicUrl, "/", texts.page, presentation.origins);
  return [...lines, page ? fillTemplate(texts.shortened.onPage, { page }) : toPlainText(texts.shortened.inPlane)];
}

/** Renders a link to a path of the page; undefined where its address is not known, or is none that Telegram accepts. */
export function findPageLink(
  publicUrl: string | undefined,
  path: string,
  label: string,
  origins: readonly string[],
): RichText | undefined {
  const link = publicUrl === undefined ? undefined : toLink(label, new URL(path, publicUrl).href, origins);
  return link && link.entities.length > 0 ? joinRichText([link]) : undefined;
}

/** The id of the request that an event is about. */
export function getRequestId(event: RequestEvent | TicketWaitEvent): string {
  if (event.kind === "ticket") return event.wait.id;
  return event.kind === "asked" ? event.question : event.request;
}

/** Whether a reply to a review or a plan approves it. */
export function isApproval(text: string): boolean {
  return APPROVAL_PATTERN.test(text.trim());
}
