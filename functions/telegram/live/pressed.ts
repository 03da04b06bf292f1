import { cleanedText } from "../../../shared/clean.ts";
import { data } from "../../../shared/telegram/data.ts";
import { lookJob } from "../../../shared/telegram/look.ts";
import { keptTask } from "../../../shared/work/find.ts";
import { answerQuestion, type KeptQuestion, readQuestion } from "../../../shared/work/question.ts";
import type { Heard, Outcome, Press, Reply } from "../handler.ts";
import { filled } from "../locales/say.ts";
import { judgedBy } from "./judged.ts";
import { type Live, liveKey, livePut } from "./kept.ts";

/** As much of an answer as is compared; what is kept of one is cleaned too. UTF-16 units. */
const KEPT = 4_000;

/** A choice: the answer to the question that the button names, whatever message it is under. */
export const pressChoice: Press = async (heard, { messageId, id, arg }) => {
  const { deps, look } = heard;
  const question = (await readQuestion(deps, id))?.value;
  const choice = question?.choices[Number(arg)];
  if (!question || choice === undefined) return { toast: look.texts.answers.old };
  const outcome = await answerWith(heard, question, choice);
  const known = await adopted(heard, messageId, question);
  return { ...outcome, ...known };
};

/** A reply to a question or a review: the answer in the human's own words, or the reason to send it back. */
export const replyToLive: Reply = async (heard, { to, text }) => {
  const [live] = await heard.deps.store.read<Live>([liveKey(heard.chat, to)]);
  if (!live) return undefined;
  if ("review" in live.value) return judgedBy(heard, live.value, { to, text });
  const question = (await readQuestion(heard.deps, live.value.event.question))?.value;
  if (!question) return said(heard.look.texts.live.toast.over);
  const { toast } = await answerWith(heard, question, text);
  const now = (await readQuestion(heard.deps, question.id))?.value;
  // The message itself shows an answer that was taken.
  return isTheirs(now, heard, text) ? {} : said(toast ?? "");
};

async function answerWith(heard: Heard, { id }: KeptQuestion, text: string): Promise<{ toast?: string }> {
  const { deps, look, from, correlation } = heard;
  const { toast } = look.texts.live;
  const outcome = await answerQuestion(deps, id, { text, by: from.name }, correlation);
  const now = (await readQuestion(deps, id))?.value;
  if (outcome === "unknown" || !now?.answer) return { toast: toast.over };
  const words = { by: data(now.answer.by, 60), text: data(now.answer.text, 100) };
  // Heard before and ended in it: it is as if it were the first time.
  return { toast: filled(isTheirs(now, heard, text) ? toast.answered : toast.already, words).text };
}

function isTheirs(question: KeptQuestion | undefined, { from }: Heard, text: string): boolean {
  const { answer } = question ?? {};
  return answer !== undefined && answer.by === from.name && cleanedText(answer.text, KEPT) === cleanedText(text, KEPT);
}

/** A message whose number nobody knew (its sending never had an answer) loses its buttons like the others. */
async function adopted(
  { deps, chat, correlation }: Heard,
  messageId: number,
  question: KeptQuestion,
): Promise<Outcome> {
  const key = liveKey(chat, messageId);
  const [kept] = await deps.store.read<Live>([key]);
  const task = kept ? undefined : await keptTask(deps, question.item);
  if (!task) return {};
  const { id, agent, text, choices, urgency } = question;
  const event = { kind: "asked", question: id, agent, text, choices, urgency, reminder: 0 } as const;
  const subject = { id: task.id, key: task.key, title: task.item.snapshot.name, url: task.url };
  return {
    expect: [[key, 0]],
    put: [livePut(chat, messageId, { subject, shown: "", repeat: true, event }, false)],
    jobs: [lookJob(chat, task.id, `adopted.${messageId}`, correlation)],
  };
}

function said(text: string): Outcome {
  return { say: { rich: { text, entities: [] } } };
}
