/** How each kind of request looks in Telegram, and what people read about the answer to it. */

import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { findPart, type RequestKindName, type RequestRecord } from "../../../shared/task/request.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  type Presentation,
  renderTaskTitle,
  STATUS_EMOJI,
} from "../presentation/presentation.ts";
import {
  ASK_FOR_WORDS,
  createOptionRows,
  LABEL_LIMIT,
  OPTION_LIMIT,
  type Outcome,
  type RenderContext,
  type RequestRenderer,
  renderHeadline,
  renderLongText,
  SHORT_LINES,
  toSafeLines,
  type VerdictLook,
} from "./live-message.ts";
import { PLAN_RENDERER } from "./plan-renderer.ts";
import { getSessionRenderer, RESULT_RENDERER, TICKET_RENDERER } from "./ticket-renderers.ts";

/** Limit of the shown report of a review in UTF-16 units: as of a ticket's texts. */
const REPORT_LIMIT = 2_000;

const QUESTION_RENDERER: RequestRenderer = {
  async render({ presentation }, request, { reminder }) {
    const { live, events } = presentation.texts;
    const { options, urgency, text } = request;
    const title = reminder > 0 ? live.askedAgain : events.asked.title;
    const urgent = urgency === "high" ? [` – ${live.urgent}`] : [];
    const subject = renderSubject(presentation, request);
    const headline = renderHeadline(presentation, [EVENT_EMOJI.asked, title], subject, request.from);
    return {
      lines: [joinRichText([headline, ...urgent]), ...toAskedLines(text), ...renderChoices(request)],
      hint: options.length > 0 ? live.hint.press : live.hint.reply,
      rows: createOptionRows(request),
    };
  },
  async findClosure({ presentation }, { closed }) {
    const { expired, notNeeded } = presentation.texts.live;
    return ["ℹ️", toPlainText(closed?.why === "expired" ? expired : notNeeded)];
  },
};

const toAskedLines = (text: string) => toSafeLines(stripMarkdown(text), 2_000, SHORT_LINES);

/** What a question asks, as its message shows it. */
export function renderAskedText(text: string): string {
  return joinRichText(toAskedLines(text), "\n").text;
}

/** Names of parts of a review in the reader's language; other parts keep theirs. */
const PART_NAMES: Record<string, (texts: TelegramTexts) => string> = {
  Title: ({ live }) => live.title,
  Description: ({ live }) => live.text,
  Status: ({ fields }) => fields.status,
  Priority: ({ fields }) => fields.priority,
  Due: ({ fields }) => fields.due,
  Assignees: ({ fields }) => fields.assignees,
};

const REVIEW_RENDERER: RequestRenderer = {
  async render(context, request, { asking }) {
    const { presentation } = context;
    const { texts, format } = presentation;
    const { live } = texts;
    const report = stripMarkdown(request.text);
    const percent = format.percent(Number(findPart(request, "Confidence") ?? 0));
    const title = [EVENT_EMOJI.review, texts.events.review.title] as const;
    const approve = [live.approve, "approve"] as const;
    return {
      lines: [
        renderHeadline(presentation, title, renderSubject(presentation, request)),
        fillTemplate(live.confidence, { agent: toSafeText(request.from, 80), percent }),
        ...renderLongText(context, report, REPORT_LIMIT),
      ],
      judged: [report],
      progress: renderChangedParts(request, texts),
      hint: live.hint[asking ? "reason" : "review"],
      rows: asking ? [[[live.withoutReason, "send_back"]], [approve]] : [[approve, [live.sendBack, ASK_FOR_WORDS]]],
    };
  },
  async findClosure({ deps, presentation }, { subject }) {
    const { live, statuses } = presentation.texts;
    const [item] = await deps.store.read<ItemRecord>([observedKeys.item(subject.item ?? "")]);
    return ["ℹ️", fillTemplate(live.reviewClosed, { word: statuses[item?.value.snapshot.status ?? "done"] })];
  },
};

/** About an agent or the budget: the text is Groundcrew's, and every answer has a button. */
const DECISION_RENDERER: RequestRenderer = {
  async render({ presentation }, request) {
    const { live, events } = presentation.texts;
    const title = [EVENT_EMOJI.asked, events.asked.title] as const;
    return {
      lines: [renderHeadline(presentation, title, undefined, request.from), ...toSafeLines(request.text)],
      rows: [request.answers.map((answer) => [nameDecision(live, answer), answer] as const)],
    };
  },
  findClosure: async ({ presentation }) => ["ℹ️", toPlainText(presentation.texts.live.toast.over)],
  findVerdict: async ({ presentation }, { verdict }) => [
    "💡",
    "answered",
    nameDecision(presentation.texts.live, verdict?.answer ?? ""),
  ],
};

function nameDecision({ decisions }: TelegramTexts["live"], answer: string): string {
  return decisions[answer as keyof typeof decisions] ?? answer;
}

const RENDERERS: Partial<Record<RequestKindName, RequestRenderer>> = {
  question: QUESTION_RENDERER,
  review: REVIEW_RENDERER,
  plan: PLAN_RENDERER,
  ticket: TICKET_RENDERER,
  result: RESULT_RENDERER,
  budget: DECISION_RENDERER,
  agent: DECISION_RENDERER,
};

/** Returns the renderer of a request's kind. */
export function getRenderer(request: RequestRecord): RequestRenderer {
  return getSessionRenderer(request) ?? RENDERERS[request.kind] ?? QUESTION_RENDERER;
}

/** What each answer is called. */
const VERDICTS: Readonly<Record<string, VerdictLook>> = {
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
  // The summary is that of the result.
  complete: ["🏁", "completed", ""],
};

/** What came of a request, also as the notice after a press or a reply. */
export async function findOutcome(context: RenderContext, request: RequestRecord): Promise<Outcome> {
  const { verdict, session } = request;
  const renderer = getRenderer(request);
  if (!verdict) return renderer.findClosure(context, request);
  const own = await renderer.findVerdict?.(context, request);
  const [emoji, name, words = verdict.comment] = own ?? VERDICTS[verdict.answer] ?? ["💡", "answered"];
  const values = { by: toSafeText(verdict.by, 80), rule: toSafeText(session?.rule ?? "") };
  return [emoji, fillTemplate(context.presentation.texts.live.verdicts[name], values), words];
}

/** The task that a request is about, as a link; undefined without one. */
function renderSubject(presentation: Presentation, { subject }: RequestRecord): RichText | undefined {
  const { key, title, url } = subject;
  return key === undefined || url === undefined ? undefined : renderTaskTitle(presentation, { key, title, url });
}

/** Lists the choices of an open question when their buttons cannot show them in full. */
function renderChoices({ options, verdict, closed }: RequestRecord): RichText[] {
  const areShort = options.every(({ label }) => cleanLine(label, 1_000).length <= LABEL_LIMIT);
  if (verdict || closed || (options.length <= OPTION_LIMIT && areShort)) return [];
  return options.map(({ label }, i) => joinRichText([`${i + 1}. `, toSafeText(label, 200)]));
}

/** Names what has changed since people were first asked. */
function renderChangedParts({ changed = [] }: RequestRecord, texts: TelegramTexts): RichText[] {
  if (changed.length === 0) return [];
  const fields = changed.map((label) => (PART_NAMES[label]?.(texts) ?? label).toLowerCase()).join(", ");
  return [joinRichText(["✏️ ", fillTemplate(texts.live.changed, { fields })])];
}
