import type { SetName, StoredValue } from "../../store/port.ts";
import type { Urgency } from "../../task/events.ts";
import { DAY, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { workKeys, workSets } from "../context/work-keys.ts";
import type { WishMessage } from "../wishes/wish-record.ts";

/** A question of an agent to the human. */
export interface KeptQuestion {
  id: string;
  /** Plane's id of the item; absent for a question that is about no task. */
  item?: string;
  agent: string;
  text: string;
  choices: string[];
  urgency: Urgency;
  /** The person's message that a question about no task replies to. */
  message?: WishMessage;
  /** Store time. */
  asked: Ms;
  /** Number of reminders sent. */
  reminded: number;
  answer?: {
    text: string;
    by: string;
    at: Ms;
    /** Plane's id of the comment, when the answer came as one. */
    comment?: string;
  };
  /** Store time at which the task was closed before anybody answered. */
  closed?: Ms;
}

/** Retention of an answered or closed question: 30 days, so that messages and details can still show it. */
export const ANSWERED_MS: Ms = 30 * DAY;

/** The sets of a question that is no longer open: a closed question about no task is in none. */
export function getClosedQuestionSets({ item }: KeptQuestion): SetName[] {
  return item === undefined ? [] : [workSets.questionsOf(item)];
}

/** Reads the open and answered questions on an item, oldest first. */
export async function readTaskQuestions(deps: Pick<WorkDeps, "store">, item: string): Promise<KeptQuestion[]> {
  const { rows } = await deps.store.scan<KeptQuestion>(workSets.questionsOf(item));
  return rows.map((row) => row.value).sort((a, b) => a.asked - b.asked);
}

/** Finds a question by its id, with its revision. */
export async function findQuestion(
  deps: Pick<WorkDeps, "store">,
  id: string,
): Promise<StoredValue<KeptQuestion> | undefined> {
  const [kept] = await deps.store.read<KeptQuestion>([workKeys.question(id)]);
  return kept;
}

/** Whether the question can still be answered. */
export function isQuestionOpen({ answer, closed }: KeptQuestion): boolean {
  return answer === undefined && closed === undefined;
}
