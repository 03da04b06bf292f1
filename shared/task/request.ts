/**
 * A request to a person: one record for everything that waits for somebody's answer, whatever it is about. It holds all
 * that is judged and its hash, so that an answer counts only for what was shown, and what came of it. Pure.
 */

import type { Ms } from "../time.ts";
import type { Urgency } from "./events.ts";

/** What a request may ask for. */
export type RequestKindName = "question" | "review" | "plan" | "ticket" | "permission" | "result" | "budget" | "agent";

/** What a request is about. Without a work item its `title` says it; "" for a question about nothing else. */
export interface RequestSubject {
  title: string;
  /** Plane's id of the work item, its key and its address. */
  item?: string;
  key?: string;
  url?: string;
  /** The id of the plan's run, and Plane's id of its project where that exists. */
  plan?: string;
  project?: string;
  /** The message of a person that the request replies to, as in `WishMessage`. */
  message?: { id: number; topic?: number; user?: number; chat?: number };
}

/** A part of what is judged. The label is English, and the name of its text in other languages. */
export interface RequestPart {
  label: string;
  /** The text; its beginning where some of it is left out. */
  value: string;
  /** Number of UTF-16 units that are left out between `value` and `end`. */
  leftOut?: number;
  end?: string;
}

/** An answer that the request offers. */
interface RequestOption {
  label: string;
  description?: string;
}

/** Where a person answered. */
export type RequestPlace = "telegram" | "page" | "api" | "cli" | "plane";

/** A person's answer to a request, as it arrives. `hash` is that of what the person was shown. */
export interface RequestDecision {
  answer: string;
  hash: string;
  /** The person's own words: the answer to a question, or a reason. */
  comment?: string;
  by: string;
  where: RequestPlace;
  /** Plane's id of the comment, when the answer came as one. */
  posted?: string;
}

/** A question of a session's question tool, as people see it. */
export interface OfferedQuestion {
  text: string;
  options: RequestOption[];
  /** Several options may be chosen. */
  isMultiple?: true;
}

/** What the session of a ticket does with the answer to its request, besides what people read. */
export interface SessionWait {
  /** The ticket's run. */
  run: number;
  /**
   * `permission`: may a tool run; `plan`: may a plan be carried out; `input`: the session waits for text; `time` and
   * `budget`: its time ends soon, or what its ticket may cost is almost used up; `ended`: it ended without a
   * completion.
   */
  waits: "permission" | "plan" | "input" | "time" | "budget" | "ended";
  /** Of a budget, in US dollars: what more time grants again. */
  budget?: number;
  /** A call of the session by this id takes the answer. Otherwise it is typed into its terminal. */
  call?: string;
  /** The session asks with the same id until it has the answer, which therefore is never typed. */
  isRepeated?: true;
  /** Several options may be chosen; the answer is what `joinChoices` makes of them. */
  isMultiple?: true;
  /** The questions that the session asks with one call, of several, and the answers to those before this one. */
  series?: { questions: OfferedQuestion[]; answers: string[] };
  /** Known only from a notification, which does not name the tool. */
  isNotice?: true;
  /** The rule that an answer may add: `Bash(npm test:*)`. */
  rule?: string;
}

/** The answer that counts. */
export type RequestVerdict = Omit<RequestDecision, "hash"> & { at: Ms };

/** Why a request was closed without an answer. `replaced`: a newer request asks for the same. */
export type RequestClosure = "withdrawn" | "expired" | "task_closed" | "replaced";

/** The stored record of a request. All times are store times. */
export interface RequestRecord {
  /** Safe in a URL and in a button's data: at most 36 characters. */
  id: string;
  kind: RequestKindName;
  subject: RequestSubject;
  /** The name of the agent or session that asks. */
  from: string;
  urgency: Urgency;
  createdAt: Ms;
  /** Plane's time of the comment with the request, where there is one and its time is known. */
  postedAt?: string;
  /** It is closed at this time if nobody has answered. */
  deadline?: Ms;
  /** Number of reminders that were published. */
  reminders: number;
  /** What is asked, in the words of who asks. */
  text: string;
  /** All that is judged besides the text, the most dangerous part first. */
  input: RequestPart[];
  /** Of all that is judged: an answer must name it. */
  hash: string;
  /** Labels of the parts that have changed since people were first asked. */
  changed?: string[];
  /** What may be answered, by name. */
  answers: readonly string[];
  options: RequestOption[];
  /** Of a request of a ticket's session. */
  session?: SessionWait;
  /** Of a question about recurring work: the id of its schedule. */
  schedule?: string;
  verdict?: RequestVerdict;
  /** It was closed without an answer. */
  closed?: { at: Ms; why: RequestClosure };
}

/** What is stored of a new request; the rest follows from it. */
export type NewRequest = Omit<RequestRecord, "createdAt" | "reminders" | "hash" | "changed" | "verdict" | "closed">;

/** Order of urgencies, the most urgent first. */
const URGENCY_RANKS: Record<Urgency, number> = { high: 0, normal: 1, low: 2 };

/** Returns the value of a part of what is judged; undefined without it. */
export function findPart({ input }: RequestRecord, label: string): string | undefined {
  return input.find((part) => part.label === label)?.value;
}

/** Whether the request can still be answered. */
export function isRequestOpen({ verdict, closed }: RequestRecord): boolean {
  return verdict === undefined && closed === undefined;
}

/** The id of what messages about a request are about: its task, its plan, or itself. */
export function getSubjectId({ id, subject: { item, plan } }: RequestRecord): string {
  return item ?? plan ?? id;
}

/** Orders requests by urgency, then by their deadline, then by age. */
export function compareRequests(a: RequestRecord, b: RequestRecord): number {
  return (
    URGENCY_RANKS[a.urgency] - URGENCY_RANKS[b.urgency] ||
    (a.deadline ?? Number.POSITIVE_INFINITY) - (b.deadline ?? Number.POSITIVE_INFINITY) ||
    a.createdAt - b.createdAt
  );
}

/** An answer that consists of several options: joined to one text, and found again in it. Pure. */

/**
 * Joins chosen options to one answer as Claude Code does (2.1.330): separated by commas, those that contain a separator
 * or a quote as JSON strings.
 */
export function joinChoices(labels: readonly string[]): string {
  return labels.map(quoteChoice).join(", ");
}

function quoteChoice(label: string): string {
  return label.includes(", ") || label.includes('"') ? JSON.stringify(label) : label;
}

/**
 * Finds the options at the beginning of an answer that `joinChoices` has made, in the order of the options. `rest` is
 * what a person has written besides.
 */
export function splitChoices(options: readonly string[], answer: string): { chosen: number[]; rest: string } {
  // A label may begin with another one, so the longest that fits counts.
  const labels = options.map((label, index) => ({ index, text: quoteChoice(label) }));
  labels.sort((a, b) => b.text.length - a.text.length);
  const chosen = new Set<number>();
  let rest = answer.trim();
  while (rest !== "") {
    const found = labels.find(({ text }) => rest === text || rest.startsWith(`${text}, `));
    if (!found) break;
    chosen.add(found.index);
    rest = rest.slice(found.text.length + 2).trim();
  }
  return { chosen: [...chosen].sort((a, b) => a - b), rest };
}
