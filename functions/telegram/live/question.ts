import { cleaned } from "../../../shared/clean.ts";
import { keys } from "../../../shared/observe/keys.ts";
import { isOpen } from "../../../shared/task/diff.ts";
import type { KeptItem } from "../../../shared/task/snapshot.ts";
import type { Button } from "../../../shared/telegram/bot.ts";
import { data } from "../../../shared/telegram/data.ts";
import { bold, cut, join, type RichText } from "../../../shared/telegram/text.ts";
import { readQuestion } from "../../../shared/work/question.ts";
import { EVENT_EMOJI } from "../emoji.ts";
import { filled } from "../locales/say.ts";
import type { Work } from "../work.ts";
import { type Asked, ROOM, type Subject, type View } from "./kept.ts";
import { isHeardHere, linesOf, subjectLine } from "./lines.ts";

/** So many choices are buttons; a reply can name any other. */
const BUTTONS = 8;
/** What is longer is cut on its button and stands whole in the text. UTF-16 units. */
const BUTTON = 40;
/** Telegram's limit for what a button sends back, bytes (Bot API, InlineKeyboardButton). */
const DATA = 64;

/** A question as it stands: with its choices, with its answer, or not needed any more. */
export async function questionView(work: Work, { event, subject }: { event: Asked; subject: Subject }): Promise<View> {
  const { look, deps } = work;
  const { live, events, colon } = look.texts;
  const [kept, [item]] = await Promise.all([
    readQuestion(deps, event.question),
    deps.store.read<KeptItem>([keys.item(subject.id)]),
  ]);
  const answer = kept?.value.answer;
  const isOver =
    kept?.value.closed !== undefined || (item && (item.value.gone !== undefined || !isOpen(item.value.snapshot.word)));
  // Who asks stands where nothing the agent writes can stand.
  const what = bold(event.reminder > 0 ? live.again : events.asked);
  const head = [EVENT_EMOJI.asked, " ", what, ` ${look.texts.from} `, data(event.agent, 80), colon];
  const asked: RichText[] = [
    join([...head, subjectLine(subject, look), ...(event.urgency === "high" ? [` – ${live.urgent}`] : [])]),
    ...linesOf(event.text, 2_000),
  ];
  if (answer) {
    const by = bold(filled(live.answered, { by: data(answer.by, 80) }));
    return viewOf([...asked, join(["💡 ", by, colon]), ...linesOf(answer.text, 1_000)]);
  }
  if (isOver) return viewOf([...asked, join([live.notNeeded])]);
  const listed = listedChoices(event.choices);
  if (!isHeardHere(work)) return { ...viewOf([...asked, ...listed]), over: false };
  const buttons = buttonsFor(event);
  const hint = buttons.length > 0 ? live.hint.press : live.hint.reply;
  return {
    ...viewOf([...asked, ...listed, join([hint])]),
    ...(buttons.length > 0 && { buttons }),
    over: false,
  };
}

function viewOf(lines: RichText[]): View {
  return { rich: cut(join(lines, "\n"), ROOM), over: true };
}

/** Only when the buttons do not say all. */
function listedChoices(choices: readonly string[]): RichText[] {
  if (choices.length <= BUTTONS && choices.every((choice) => cleaned(choice, 1_000).length <= BUTTON)) return [];
  return choices.map((choice, i) => join([`${i + 1}. `, data(choice, 200)]));
}

/** `ask:<question>:<n>`: whatever message shows it, it answers that question and no other. */
function buttonsFor({ question, choices }: Asked): Button[][] {
  const buttons = choices.slice(0, BUTTONS).map((choice, i) => {
    const text = cleaned(choice, BUTTON);
    return { text: text === "" ? String(i + 1) : text, data: `ask:${question}:${i}` };
  });
  const fits = buttons.every((button) => new TextEncoder().encode(button.data).length <= DATA);
  return fits ? buttons.map((button) => [button]) : [];
}
