/** How each kind of request looks in Telegram, and what people read about the answer to it. */

import { stripMarkdown } from "../../../shared/markdown/plain-text.ts";
import type { RequestKindName, RequestRecord } from "../../../shared/task/request.ts";
import { joinRichText, type RichText, toPlainText, toSafeText } from "../../../shared/telegram/rich-text.ts";
import { cleanLine } from "../../../shared/text.ts";
import type { CommandContext } from "../commands/command.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI, fillTemplate, type Presentation, renderTaskTitle } from "../presentation/presentation.ts";
import {
  type LiveButton,
  type LiveContent,
  type LiveRequestMessage,
  renderHeadline,
  renderVerdict,
  toSafeLines,
} from "./live-message.ts";

interface RequestRenderer {
  /** What is asked, with the buttons of an open request. */
  render(
    context: DeliveryContext,
    request: RequestRecord,
    message: LiveRequestMessage,
  ): Promise<Pick<LiveContent, "lines" | "progress" | "hint"> & { rows: readonly LiveButton[][] }>;
  /** What came of it. */
  renderOutcome(context: DeliveryContext, request: RequestRecord): Promise<RichText[]>;
  /** The notices after a press or a reply: it counts, or another one did; what was shown has changed; words are asked for. */
  getVerdictToast(context: CommandContext, request: RequestRecord, isOwn: boolean): string;
  getChangedToast(context: CommandContext, request: RequestRecord): string;
  getWordsToast(context: CommandContext): string;
}

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
  async renderOutcome({ presentation }, { verdict }) {
    const { live } = presentation.texts;
    if (!verdict) return [toPlainText(live.notNeeded)];
    const by = fillTemplate(live.answered, { by: toSafeText(verdict.by, 80) });
    return renderVerdict(presentation, "💡", by, verdict.comment);
  },
  getVerdictToast({ presentation }, { verdict }, isOwn) {
    const { answered, already } = presentation.texts.live.toast;
    const values = { by: toSafeText(verdict?.by ?? "", 60), text: toSafeText(verdict?.comment ?? "", 100) };
    return fillTemplate(isOwn ? answered : already, values).text;
  },
  getChangedToast: ({ presentation }) => presentation.texts.live.toast.over,
  getWordsToast: ({ presentation }) => presentation.texts.live.toast.reason,
};

const RENDERERS: Partial<Record<RequestKindName, RequestRenderer>> = { question: QUESTION_RENDERER };

/** Returns the renderer of a request's kind. */
export function getRenderer({ kind }: Pick<RequestRecord, "kind">): RequestRenderer {
  return RENDERERS[kind] ?? QUESTION_RENDERER;
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
