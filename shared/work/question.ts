import { cleaned, cleanedText } from "../clean.ts";
import { GroundcrewError } from "../errors.ts";
import { toHtml } from "../markdown/to-html.ts";
import type { Job, Kept, Ms } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import type { Urgency, WorkEvent } from "../task/events.ts";
import { type Acting, actFor, type WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import { renewClaim } from "./claim-lease.ts";
import { claimOf, renewIfHeld, sayLoss } from "./claims.ts";
import { keptTask, type Task } from "./find.ts";
import { type WorkBody, workJob } from "./jobs.ts";
import { workKeys, workSets } from "./keys.ts";
import { mustBeMine } from "./owner.ts";
import { escaped, htmlOf, onceId, say } from "./say.ts";

export interface NewQuestion {
  text: string;
  choices?: string[] | undefined;
  urgency?: Urgency | undefined;
}

/** A question of an agent to the human. */
export interface KeptQuestion {
  id: string;
  item: string;
  agent: string;
  text: string;
  choices: string[];
  urgency: Urgency;
  /** Store time. */
  asked: Ms;
  /** How often it was asked again. */
  reminded: number;
  answer?: {
    text: string;
    by: string;
    at: Ms;
    /** Plane's id of the comment that was the answer. */
    comment?: string;
  };
  /** Its task was over before anybody answered. */
  closed?: Ms;
}

const HOUR: Ms = 3_600_000;

/** So long after it was asked, a question nobody has answered is asked again: twice at most. */
const REMINDERS: Record<Urgency, readonly [Ms, Ms]> = {
  low: [4 * HOUR, 24 * HOUR],
  normal: [HOUR, 6 * HOUR],
  high: [HOUR / 4, HOUR],
};

/** An answered question can still be looked at for so long. */
const ANSWERED_MS: Ms = 30 * 24 * HOUR;

/**
 * Asks the human: a comment on the item and a message; the same call within ten minutes, or while nobody has
 * answered, is the same question.
 * The answer comes as a comment and wakes the agent.
 */
export async function askHuman(acting: Acting, task: Task, given: NewQuestion): Promise<KeptQuestion> {
  const { deps, caller, correlation } = acting;
  await mustBeMine(acting, task);
  if (!isOpen(task.item.snapshot.word))
    throw new GroundcrewError("conflict", `${task.key} is ${task.item.snapshot.word}: there is nothing left to ask.`);
  await sayLoss(acting, task);
  await renewIfHeld(acting, task);
  const text = cleanedText(given.text, 2_000);
  const offered = (given.choices ?? []).map((choice) => cleaned(choice, 100));
  const choices = [...new Set(offered)].filter((choice) => choice !== "");
  const urgency = given.urgency ?? "normal";
  const asking = JSON.stringify([caller.name, text, choices]);
  const isSame = (one: KeptQuestion) => JSON.stringify([one.agent, one.text, one.choices]) === asking;
  const open = (await questionsOf(deps, task.id)).find((one) => isWaiting(one) && isSame(one));
  if (open) return open;
  const id = await onceId(acting, "ask", task.id, text, ...choices);
  const listed = choices.length === 0 ? "" : `<ul>${choices.map((one) => `<li>${escaped(one)}</li>`).join("")}</ul>`;
  await say(acting, task, `ask:${id}`, `<p><strong>Question</strong></p>${await htmlOf(text)}${listed}`);
  const asked = await deps.store.now();
  const question: KeptQuestion = {
    ...{ id, item: task.id, agent: caller.name, text, choices, urgency, asked },
    reminded: 0,
  };
  await tell(deps, task, question, undefined, correlation);
  return (await readQuestion(deps, id))?.value ?? question;
}

/** The questions on an item, open and answered ones, the latest last. */
export async function questionsOf(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptQuestion[]> {
  const { rows } = await deps.store.scan<KeptQuestion>(workSets.questionsOf(item));
  return rows.map((row) => row.value).sort((a, b) => a.asked - b.asked);
}

export async function readQuestion(deps: Pick<WorkDeps, "store">, id: string): Promise<Kept<KeptQuestion> | undefined> {
  const [kept] = await deps.store.read<KeptQuestion>([workKeys.question(id)]);
  return kept;
}

/**
 * Takes the human's answer, once: it becomes a comment (unless it came as one: `comment`), and the agent is woken.
 * `already`: it was answered before; `unknown`: there is no such question any more, or its task is over.
 */
export async function answerQuestion(
  deps: WorkDeps,
  id: string,
  { text, by, comment }: { text: string; by: string; comment?: string },
  correlation: string = deps.newId(),
): Promise<"answered" | "already" | "unknown"> {
  for (;;) {
    const kept = await readQuestion(deps, id);
    const task = kept && (await keptTask(deps, kept.value.item));
    if (!kept || !task || kept.value.closed !== undefined) return "unknown";
    if (kept.value.answer) return "already";
    const { agent, item } = kept.value;
    const answer = {
      ...{ text: cleanedText(text, 4_000), by: cleaned(by, 80), at: await deps.store.now() },
      ...(comment !== undefined && { comment }),
    };
    const value: KeptQuestion = { ...kept.value, answer };
    const event: WorkEvent = { kind: "answered", question: id, agent, text: cleaned(text, 1_000), by: answer.by };
    const jobs: Job[] = comment
      ? []
      : [workJob(`answer:${id}`, `work:${item}`, { do: "answer", item, question: id, correlation })];
    const record = workKeys.question(id);
    const put = [{ key: record, value, sets: [workSets.questionsOf(item)], expires: ANSWERED_MS }];
    const outcome = await announce(deps, task, event, correlation, { record, rev: kept.rev, put, jobs });
    if (outcome !== "kept") continue;
    // From now on it is for the agent to call again.
    const claim = await claimOf(deps, item);
    if (claim?.agent === agent) await renewClaim(deps, claim);
    return "answered";
  }
}

/** The answer as a comment on the item, said by Groundcrew for whoever gave it. */
export async function writeAnswer(deps: WorkDeps, id: string, correlation: string): Promise<void> {
  const kept = await readQuestion(deps, id);
  const task = kept && (await keptTask(deps, kept.value.item));
  if (!kept?.value.answer || !task || task.item.gone !== undefined) return;
  const { text, by } = kept.value.answer;
  const acting = actFor(deps, { name: by, role: "human" }, correlation);
  const html = `<p><strong>Answer</strong> (${escaped(by)}):</p>${await toHtml(text)}`;
  await say(acting, task, `answer:${id}`, html);
}

/** Asks again what nobody has answered while its task is still open; twice at most. `after` so many reminders. */
export async function remindOf(
  deps: WorkDeps,
  { question: id, after, correlation }: Extract<WorkBody, { do: "remind" }>,
): Promise<void> {
  const kept = await readQuestion(deps, id);
  const task = kept && (await keptTask(deps, kept.value.item));
  // A job that is run once more after its reminder was kept finds that there is one more of them.
  if (!kept || !task || !isWaiting(kept.value) || kept.value.reminded !== after) return;
  if (!isAlive(task)) return closeQuestions(deps, task.id);
  await tell(deps, task, { ...kept.value, reminded: after + 1 }, kept.rev, correlation);
}

/** The task is over: nobody needs an answer to its questions any more. */
export async function closeQuestions(deps: WorkDeps, item: string): Promise<void> {
  const waiting = (await questionsOf(deps, item)).filter(isWaiting);
  const task = waiting.length > 0 ? await keptTask(deps, item) : undefined;
  if (!task || isAlive(task)) return;
  const closed = await deps.store.now();
  for (const { id } of waiting) {
    const kept = await readQuestion(deps, id);
    if (!kept || !isWaiting(kept.value)) continue;
    const key = workKeys.question(id);
    const put = { key, value: { ...kept.value, closed }, sets: [workSets.questionsOf(item)], expires: ANSWERED_MS };
    // Stale: it was answered in this moment.
    await deps.store.commit({ expect: [[key, kept.rev]], put: [put] });
  }
}

/** Somebody may still answer it. */
export function isWaiting({ answer, closed }: KeptQuestion): boolean {
  return answer === undefined && closed === undefined;
}

function isAlive({ item }: Task): boolean {
  return item.gone === undefined && isOpen(item.snapshot.word);
}

/** Keeps the question as it is now and tells of it, in one commit with the next reminder. */
async function tell(
  deps: WorkDeps,
  task: Task,
  question: KeptQuestion,
  rev: number | undefined,
  correlation: string,
): Promise<void> {
  const { id, agent, text, choices, urgency, reminded, item } = question;
  const event: WorkEvent = { kind: "asked", question: id, agent, text, choices, urgency, reminder: reminded };
  const wait = REMINDERS[urgency][reminded];
  const at = question.asked + (wait ?? 0);
  const remind = { do: "remind", item, question: id, after: reminded, correlation } as const;
  const record = workKeys.question(id);
  await announce(deps, task, event, correlation, {
    record,
    rev: rev ?? 0,
    put: [{ key: record, value: question, sets: [workSets.questions, workSets.questionsOf(item)] }],
    jobs: wait === undefined ? [] : [workJob(`remind:${id}:${reminded}`, `remind:${id}`, remind, at)],
  });
}
