/** How each kind of request looks in Telegram, and what people read about the answer to it. */

import type { TelegramTexts } from "../../../shared/i18n/texts.ts";
import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { findPart, type RequestKindName, type RequestRecord } from "../../../shared/task/request.ts";
import type { ItemRecord } from "../../../shared/task/snapshot.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import type { CommandContext } from "../commands/command.ts";
import {
  EVENT_EMOJI,
  fillTemplate,
  type Presentation,
  renderTaskTitle,
  STATUS_EMOJI,
} from "../presentation/presentation.ts";
import { ASK_FOR_WORDS, type RequestRenderer, renderHeadline, renderVerdict, toSafeLines } from "./live-message.ts";
import { PLAN_RENDERER } from "./plan-renderer.ts";
import { getSessionRenderer, RESULT_RENDERER, TICKET_RENDERER } from "./ticket-renderers.ts";

/** Maximum number of buttons of a question; any other choice can be named in a reply. */
const BUTTON_LIMIT = 8;

/** Longer choices are truncated on their button and shown in full in the text. UTF-16 units. */
const BUTTON_LABEL_LIMIT = 40;

const QUESTION_RENDERER: RequestRenderer = {
  async render({ presentation }, request, { event }) {
    const { live, events } = presentation.texts;
    const { options, urgency, text } = request;
    const title = event.reminder > 0 ? live.askedAgain : events.asked.title;
    const urgent = urgency === "high" ? [` – ${live.urgent}`] : [];
    const subject = renderSubject(presentation, request);
    const headline = renderHeadline(presentation, [EVENT_EMOJI.asked, title], subject, request.from);
    return {
      lines: [
        joinRichText([headline, ...urgent]),
        ...toSafeLines(stripMarkdown(text), 2_000),
        ...renderChoices(request),
      ],
      hint: options.length > 0 ? live.hint.press : live.hint.reply,
      rows: options
        .slice(0, BUTTON_LIMIT)
        .map(({ label }, i) => [[cleanLine(label, BUTTON_LABEL_LIMIT) || String(i + 1), String(i)]]),
    };
  },
  async renderOutcome({ presentation }, { verdict, closed }) {
    const { live } = presentation.texts;
    if (!verdict) return [toPlainText(closed?.why === "expired" ? live.expired : live.notNeeded)];
    const by = fillTemplate(live.answered, { by: toSafeText(verdict.by, 80) });
    return renderVerdict(presentation, "💡", by, verdict.comment);
  },
  getOutcomeToast({ presentation }, { verdict }, isOwn) {
    const { answered, already, over } = presentation.texts.live.toast;
    if (!verdict) return over;
    const values = { by: toSafeText(verdict.by, 60), text: toSafeText(verdict.comment ?? "", 100) };
    return fillTemplate(isOwn ? answered : already, values).text;
  },
  getChangedToast: ({ presentation }) => presentation.texts.live.toast.over,
  getWordsToast: ({ presentation }) => presentation.texts.live.toast.reason,
};

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
  async render({ presentation }, request, { asking }) {
    const { texts, format } = presentation;
    const { live } = texts;
    const percent = format.percent(Number(findPart(request, "Confidence") ?? 0));
    const title = [EVENT_EMOJI.review, texts.events.review.title] as const;
    const approve = [live.approve, "approve"] as const;
    return {
      lines: [
        renderHeadline(presentation, title, renderSubject(presentation, request)),
        fillTemplate(live.confidence, { agent: toSafeText(request.from, 80), percent }),
        ...toSafeLines(stripMarkdown(request.text), 1_500),
      ],
      progress: renderChangedParts(request, texts),
      hint: live.hint[asking ? "reason" : "review"],
      rows: asking ? [[[live.withoutReason, "send_back"]], [approve]] : [[approve, [live.sendBack, ASK_FOR_WORDS]]],
    };
  },
  async renderOutcome({ deps, presentation }, { verdict, subject }) {
    const { live, statuses } = presentation.texts;
    if (!verdict) {
      const [item] = await deps.store.read<ItemRecord>([observedKeys.item(subject.item ?? "")]);
      return [fillTemplate(live.reviewClosed, { word: statuses[item?.value.snapshot.status ?? "done"] })];
    }
    const { emoji, line } = getReviewVerdict(verdict.answer);
    const by = fillTemplate(live[line], { by: toSafeText(verdict.by, 80) });
    return renderVerdict(presentation, emoji, by, verdict.comment);
  },
  getOutcomeToast: (context, request) =>
    request.verdict
      ? renderKeyToast(context, request, getReviewVerdict(request.verdict.answer).toast)
      : context.presentation.texts.live.toast.over,
  getChangedToast: (context, request) => renderKeyToast(context, request, "changed"),
  getWordsToast: ({ presentation }) => presentation.texts.live.toast.reason,
};

const RENDERERS: Partial<Record<RequestKindName, RequestRenderer>> = {
  question: QUESTION_RENDERER,
  review: REVIEW_RENDERER,
  plan: PLAN_RENDERER,
  ticket: TICKET_RENDERER,
  result: RESULT_RENDERER,
};

/** Returns the renderer of a request's kind. */
export function getRenderer(request: RequestRecord): RequestRenderer {
  return getSessionRenderer(request) ?? RENDERERS[request.kind] ?? QUESTION_RENDERER;
}

/** The task that a request is about, as a link; undefined without one. */
function renderSubject(presentation: Presentation, { subject }: RequestRecord): RichText | undefined {
  const { key, title, url } = subject;
  return key === undefined || url === undefined ? undefined : renderTaskTitle(presentation, { key, title, url });
}

/** Lists the choices of an open question when their buttons cannot show them in full. */
function renderChoices({ options, verdict, closed }: RequestRecord): RichText[] {
  const areShort = options.every(({ label }) => cleanLine(label, 1_000).length <= BUTTON_LABEL_LIMIT);
  if (verdict || closed || (options.length <= BUTTON_LIMIT && areShort)) return [];
  return options.map(({ label }, i) => joinRichText([`${i + 1}. `, toSafeText(label, 200)]));
}

/** How a verdict on a review is shown. */
function getReviewVerdict(answer: string | undefined) {
  if (answer === "approve") return { emoji: STATUS_EMOJI.done, line: "approved", toast: "approved" } as const;
  if (answer === "reject") return { emoji: STATUS_EMOJI.cancelled, line: "rejected", toast: "rejected" } as const;
  return { emoji: EVENT_EMOJI.sent_back, line: "sentBack", toast: "sent_back" } as const;
}

function renderKeyToast(
  { presentation }: CommandContext,
  { subject }: RequestRecord,
  name: "approved" | "rejected" | "sent_back" | "changed",
): string {
  return fillTemplate(presentation.texts.live.toast[name], { key: toSafeText(subject.key ?? "", 60) }).text;
}

/** Names what has changed since people were first asked. */
function renderChangedParts({ changed = [] }: RequestRecord, texts: TelegramTexts): RichText[] {
  if (changed.length === 0) return [];
  const fields = changed.map((label) => (PART_NAMES[label]?.(texts) ?? label).toLowerCase()).join(", ");
  return [joinRichText(["✏️ ", fillTemplate(texts.live.changed, { fields })])];
}
