import { cleanLine } from "../../../shared/clean-text.ts";
import { localizeMomentInSentence } from "../../../shared/i18n/localize.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import type { RichText } from "../../../shared/telegram/rich-text.ts";
import { findSilence } from "../../../shared/tickets/silence.ts";
import type { Ticket, TicketQuestion } from "../../../shared/tickets/ticket.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { getQuestionKind } from "./find-wait-outcome.ts";
import type { LiveTicketMessage } from "./live-message.ts";
import { findPageLink, renderLongText } from "./render-long-text.ts";
import type { TicketBody, TicketButton } from "./render-ticket.ts";

/** Limit of the shown text of a question in UTF-16 units: that of the question itself. */
const TEXT_LIMIT = 2_000;
/** Limit of the text of a screen. */
const SCREEN_LIMIT = 1_000;
/** Maximum number of options that have a button; any other one can be written in a reply. */
const MAX_OPTIONS = 8;
/** Limit of a button's label in UTF-16 units. */
const LABEL_LIMIT = 40;

/** Renders what a session waits for, or what a person should look at. All its texts come from programs: they are data. */
export async function renderQuestionBody(
  context: DeliveryContext,
  message: LiveTicketMessage,
  ticket: Ticket | undefined,
): Promise<TicketBody> {
  const { event } = message;
  const { headlines, hints } = context.presentation.texts.live.ticket;
  if (event.wait.kind === "attention") {
    const text = ticket?.attention ?? event.text;
    const lines = keepDefined([...(await renderAttention(context, text)), renderTerminalLink(context, message)]);
    return { headline: headlines.attention, lines, hint: hints.attention, buttons: [] };
  }
  const kind = getQuestionKind(event);
  const headline = headlines[kind === "ended" ? (event.reason === "time_over" ? "time_over" : "exited") : kind];
  const question = ticket?.questions.find(({ id }) => id === event.wait.id);
  const text =
    kind === "time"
      ? [
          fillTemplate(context.presentation.texts.live.ticket.endsAt, {
            time: await renderMoment(context, Date.parse(event.text)),
          }),
        ]
      : renderLongText(context, event.text, TEXT_LIMIT);
  return {
    headline,
    lines: keepDefined([renderPart(context, question), ...text, renderTerminalLink(context, message)]),
    hint: message.asking ? hints.summary : hints[question?.isMultiple ? "choices" : kind],
    buttons: createQuestionButtons(context, message, question),
  };
}

/** The place of a question among those that the session asks with one call. */
function renderPart({ presentation }: DeliveryContext, { series }: Partial<TicketQuestion> = {}): RichText | undefined {
  if (!series) return undefined;
  const values = { number: String(series.answers.length + 1), count: String(series.questions.length) };
  return fillTemplate(presentation.texts.live.ticket.part, values);
}

function createQuestionButtons(
  { deps, presentation }: DeliveryContext,
  { event, marked = [] }: LiveTicketMessage,
  { options = [], isMultiple }: Partial<TicketQuestion> = {},
): TicketButton[][] {
  const { buttons } = presentation.texts.live.ticket;
  const complete = { label: buttons.complete, action: "done" };
  switch (getQuestionKind(event)) {
    case "permission":
      return [
        [
          { label: buttons.allow, action: "allow" },
          { label: buttons.deny, action: "deny" },
        ],
      ];
    case "input": {
      const toMark = (i: number) => (isMultiple ? (marked.includes(i) ? "☑ " : "☐ ") : "");
      const toLabel = (option: string, i: number) => toMark(i) + (cleanLine(option, LABEL_LIMIT) || String(i + 1));
      const choices = options
        .slice(0, MAX_OPTIONS)
        .map((option, i) => [{ label: toLabel(option, i), action: `option${i}` }]);
      const choose = isMultiple && marked.length > 0 ? [[{ label: buttons.choose, action: "choose" }]] : [];
      return [...choices, ...choose, [complete]];
    }
    case "time": {
      const minutes = String(deps.settings.tickets?.minutes ?? 30);
      return [
        [{ label: fillTemplate(buttons.extend, { minutes }).text, action: "more" }],
        [{ label: buttons.stop, action: "cancel" }],
      ];
    }
    case "ended":
      return [[{ label: buttons.resume, action: "resume" }, complete], [{ label: buttons.cancel, action: "cancel" }]];
  }
}

/** A silence has its time, anything else is the text of a screen. */
async function renderAttention(context: DeliveryContext, text: string): Promise<RichText[]> {
  const { silentSince } = context.presentation.texts.live.ticket;
  const since = findSilence(text);
  if (since === undefined) return renderLongText(context, text, SCREEN_LIMIT);
  return [fillTemplate(silentSince, { time: await renderMoment(context, since) })];
}

async function renderMoment({ deps, presentation }: DeliveryContext, at: number): Promise<string> {
  const { texts, timezone } = presentation;
  return localizeMomentInSentence(texts.locale, timezone, at, await deps.store.now());
}

function renderTerminalLink(
  { deps, presentation }: DeliveryContext,
  { event }: LiveTicketMessage,
): RichText | undefined {
  const path = `/terminal/${encodeURIComponent(event.ticket)}`;
  return findPageLink(deps.settings.publicUrl, path, presentation.texts.live.ticket.terminal, presentation.origins);
}
