import type { SetName, StoreKey } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";

/** Where the work is kept. Items by Plane's id, agents by their name in the settings. */
export const workKeys = {
  /** The lease and, under the same name, the record of who holds the task. */
  claim: (item: string): StoreKey => `claim:${item}`,
  /** Why an agent lost its claim on a task; said at its next call about it. */
  lost: (agent: string, item: string): StoreKey => `lost:${encodeURIComponent(agent)}:${item}`,
  /** Which claim of a task ended last. */
  over: (item: string): StoreKey => `over:${item}`,
  /** When all claims were last looked at. */
  lastLook: "claims-look",
  /** What was done about the end of a claim. */
  ended: (item: string, fence: number): StoreKey => `ended:${item}:${fence}`,
  /** The last change of status through the bridge: what of it has been done. */
  attempt: (item: string): StoreKey => `attempt:${item}`,
  /** Who finished a task that waits for a human's look, and what the human said. */
  review: (item: string): StoreKey => `review:${item}`,
  /** What the human said of a review, by the review's id: for those who look at it afterwards. */
  judged: (review: string): StoreKey => `judged:${review}`,
  /** What the agent card of an item says. */
  card: (item: string): StoreKey => `card:${item}`,
  /** All time entries of an item. */
  time: (item: string): StoreKey => `time:${item}`,
  /** When the agent last wrote a note on the item. */
  note: (agent: string, item: string): StoreKey => `note:${encodeURIComponent(agent)}:${item}`,
  question: (id: string): StoreKey => `question:${id}`,
  /** What was said lately, so that saying it again is saying it once. */
  said: (hash: string): StoreKey => `said:${hash}`,
  /** A deliverable on its way. */
  upload: (item: string, hash: string): StoreKey => `upload:${item}:${hash}`,
  /** The deliverables of an item that were finished through the bridge. */
  delivered: (item: string): StoreKey => `delivered:${item}`,
  /** What an agent has spent in a project in all. */
  spent: (agent: string, project: string): StoreKey => `spent:${encodeURIComponent(agent)}:${project}`,
  /** What was spent in a calendar month, `2026-11`. */
  month: (month: string): StoreKey => `month:${month}`,
  /** A finished task, for estimates. */
  finished: (item: string): StoreKey => `finished:${item}`,
  /** A circle of tasks that people were told of. */
  circle: (hash: string): StoreKey => `circle:${hash}`,
  /** A project that is being made, by its name's hash. */
  making: (hash: string): StoreKey => `making:${hash}`,
  /** Whoever has this lease is the only one who makes what it names. */
  alone: (what: string): StoreKey => `alone:${encodeURIComponent(what)}`,
  /** How far a plan has come, by the project it is for. */
  plan: (project: string): StoreKey => `plan:${project}`,
  /** The dependant was blocked for these blockers. */
  stuck: (item: string): StoreKey => `stuck:${item}`,
  /** How far an agent's reading of all its projects has come. */
  fresh: (agent: string): StoreKey => `fresh:${encodeURIComponent(agent)}`,
  /** Which agents' labels and assignees were last in step. */
  mirror: (item: string): StoreKey => `mirror:${item}`,
} as const;

export const workSets = {
  claims: "claims",
  claimsOf: (agent: string): SetName => `claims:${encodeURIComponent(agent)}`,
  /** Changes of status that are not through. */
  attempts: "attempts",
  reviews: "reviews",
  times: "times",
  spent: "spent",
  /** Open questions. */
  questions: "questions",
  questionsOf: (item: string): SetName => `questions:${item}`,
  finishedBy: (agent: string): SetName => `finished:${encodeURIComponent(agent)}`,
  stuck: "stuck",
  circles: "circles",
} as const;

/** A claim not renewed by any call of its agent runs out after so long. */
export const CLAIM_MS: Ms = 15 * MINUTE;

/** A write to Plane starts only with so much of the claim left: Plane's 30 s and 5 more. */
export const MIN_WRITE_MS: Ms = 35_000;
