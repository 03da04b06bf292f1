import { cleanLine } from "../../../shared/clean-text.ts";
import { keepDefined } from "../../../shared/keep-defined.ts";
import { observedKeys } from "../../../shared/observe/store-keys.ts";
import { omitUndefined } from "../../../shared/omit-undefined.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import { joinRichText, type RichText, toBold } from "../../../shared/telegram/rich-text.ts";
import { toSafeText } from "../../../shared/telegram/safe-text.ts";
import type { InlineButton } from "../../../shared/telegram/telegram-bot.ts";
import { findQuestion } from "../../../shared/work/questions/question-record.ts";
import type { DeliveryContext } from "../delivery/context.ts";
import { EVENT_EMOJI } from "../presentation/emoji.ts";
import { fillTemplate } from "../presentation/fill-template.ts";
import { joinViewLines, type MessageSubject, type MessageView, type QuestionEvent } from "./live-message.ts";
import { acceptsInputInChat, renderSubjectLine, toSafeLines } from "./text-lines.ts";

/** Maximum number of choice buttons; any other choice can be named in a reply. */
const BUTTON_LIMIT = 8;
/** Longer choices are truncated on their button and shown in full in the text. UTF-16 units. */
const BUTTON_LABEL_LIMIT = 40;
/** Telegram's limit for the data of a button, in bytes (Bot API, InlineKeyboardButton). */
const BUTTON_DATA_LIMIT = 64;

/** Renders a question in its current state: open with its choices, answered, or no longer needed. */
export async function renderQuestion(
  context: DeliveryContext,
  { event, subject }: { event: QuestionEvent; subject: MessageSubject },
): Promise<MessageView> {
  const { presentation, deps } = context;
  const { live, events, colon } = presentation.texts;
  const stored = await findQuestion(deps, event.question);
  const answer = stored?.value.answer;
  const isOver = stored?.value.closed !== undefined || (await isSubjectClosed(context, subject));
  // The agent's name is in the headline, where no text of an agent can appear, so no agent can ask in another's name.
  const headline = toBold(event.reminder > 0 ? live.askedAgain : events.asked);
  const head = [
    EVENT_EMOJI.asked,
    " ",
    headline,
    ` ${presentation.texts.fromAgent} `,
    toSafeText(event.agent, 80),
    "key" in subject ? colon : colon.trimEnd(),
  ];
  const questionLines: RichText[] = [
    joinRichText(
      keepDefined([
        ...head,
        "key" in subject ? renderSubjectLine(subject, presentation) : undefined,
        event.urgency === "high" ? ` – ${live.urgent}` : undefined,
      ]),
    ),
    ...toSafeLines(event.text, 2_000),
  ];
  if (answer) {
    const by = toBold(fillTemplate(live.answered, { by: toSafeText(answer.by, 80) }));
    return {
      rich: joinViewLines([...questionLines, joinRichText(["💡 ", by, colon]), ...toSafeLines(answer.text, 1_000)]),
      isClosed: true,
    };
  }
  if (isOver) return { rich: joinViewLines([...questionLines, joinRichText([live.notNeeded])]), isClosed: true };
  const choiceLines = renderChoices(event.choices);
  if (!acceptsInputInChat(context)) return { rich: joinViewLines([...questionLines, ...choiceLines]), isClosed: false };
  const buttons = createChoiceButtons(event);
  const hint = buttons.length > 0 ? live.hint.press : live.hint.reply;
  return {
    rich: joinViewLines([...questionLines, ...choiceLines, joinRichText([hint])]),
    ...omitUndefined({ buttons: buttons.length > 0 ? buttons : undefined }),
    isClosed: false,
  };
}

/** A question about no task stays open until it is answered. */
async function isSubjectClosed({ deps }: DeliveryContext, subject: MessageSubject): Promise<boolean> {
  if (!("key" in subject)) return false;
  const [item] = await deps.store.read<KeptItem>([observedKeys.item(subject.id)]);
  return item !== undefined && (item.value.gone !== undefined || !isOpen(item.value.snapshot.word));
}

/** Lists the choices when their buttons cannot show them in full. */
function renderChoices(choices: readonly string[]): RichText[] {
  if (
    choices.length <= BUTTON_LIMIT &&
    choices.every((choice) => cleanLine(choice, 1_000).length <= BUTTON_LABEL_LIMIT)
  )
    return [];
  return choices.map((choice, i) => joinRichText([`${i + 1}. `, toSafeText(choice, 200)]));
}

/** Button data is `ask:<question>:<n>`: it names the question, so it answers no other one. */
function createChoiceButtons({ question, choices }: QuestionEvent): InlineButton[][] {
  const buttons = choices.slice(0, BUTTON_LIMIT).map((choice, i) => {
    const text = cleanLine(choice, BUTTON_LABEL_LIMIT);
    return { text: text === "" ? String(i + 1) : text, data: `ask:${question}:${i}` };
  });
  const fits = buttons.every((button) => new TextEncoder().encode(button.data).length <= BUTTON_DATA_LIMIT);
  return fits ? buttons.map((button) => [button]) : [];
}
