import type { SetName, StoreKey } from "../../store/port.ts";
import type { Ms } from "../../time.ts";

/** Store keys of the task operations. `item` is Plane's id of an item, `agent` an agent's name in the settings. */
export const workKeys = {
  /** The lease on a task and, under the same key, the record of its holder. */
  claim: (item: string): StoreKey => `claim:${item}`,
  /** Why an agent lost its claim on a task; reported at its next call about the task. */
  lost: (agent: string, item: string): StoreKey => `lost:${encodeURIComponent(agent)}:${item}`,
  /** The last ended claim of a task. */
  over: (item: string): StoreKey => `over:${item}`,
  /** The last run of the claims tick. */
  lastLook: "claims-look",
  /** Mark that the end of a claim has been handled. */
  ended: (item: string, fence: number): StoreKey => `ended:${item}:${fence}`,
  /** The last change of status through Groundcrew and its progress. */
  attempt: (item: string): StoreKey => `attempt:${item}`,
  /** The pending review of a task: who finished it, and the human's verdict. */
  review: (item: string): StoreKey => `review:${item}`,
  /** The verdict of a review by the review's id, for messages that show it afterwards. */
  judged: (review: string): StoreKey => `judged:${review}`,
  /** The agent card of an item. */
  card: (item: string): StoreKey => `card:${item}`,
  /** All time entries of an item. */
  time: (item: string): StoreKey => `time:${item}`,
  /** The time of the agent's last note on the item. */
  note: (agent: string, item: string): StoreKey => `note:${encodeURIComponent(agent)}:${item}`,
  /** What people wrote about an item to agents. */
  remarks: (item: string): StoreKey => `remarks:${item}`,
  question: (id: string): StoreKey => `question:${id}`,
  /** A message of an agent to the human, about no task. */
  message: (id: string): StoreKey => `message:${id}`,
  /** Idempotency key of a call, by the hash of its input. */
  said: (hash: string): StoreKey => `said:${hash}`,
  /** The progress of an upload. */
  upload: (item: string, hash: string): StoreKey => `upload:${item}:${hash}`,
  /** How far a running upload is, by the id of the attempt. */
  uploadProgress: (id: string): StoreKey => `upload-progress:${id}`,
  /** The deliverables of an item that were uploaded through Groundcrew. */
  delivered: (item: string): StoreKey => `delivered:${item}`,
  /** An agent's total spending in a project. */
  spent: (agent: string, project: string): StoreKey => `spent:${encodeURIComponent(agent)}:${project}`,
  /** The spending of a calendar month, `2026-11`. */
  month: (month: string): StoreKey => `month:${month}`,
  /** An agent's spending of a calendar day, `2026-11-22`. */
  agentDay: (agent: string, day: string): StoreKey => `agentday:${encodeURIComponent(agent)}:${day}`,
  /** The budget at the last run of its tick, for the page and the metrics. */
  budget: "budget",
  /** Mark that a threshold of a month's budget was reached. */
  budgetNotice: (month: string, percent: number): StoreKey => `budget-notice:${month}:${percent}`,
  /** Each agent's confidence over time, for the metrics. */
  confidence: "confidence",
  /** The numbers of tasks, for the metrics. */
  taskTotals: "task-totals",
  /** A finished task, for estimates. */
  finished: (item: string): StoreKey => `finished:${item}`,
  /** A dependency cycle that was reported. */
  circle: (hash: string): StoreKey => `circle:${hash}`,
  /** A project that is being created, by the hash of its name. */
  making: (hash: string): StoreKey => `making:${hash}`,
  /** The lease of a lock. */
  alone: (subject: string): StoreKey => `alone:${encodeURIComponent(subject)}`,
  /** The progress of a plan, by its project. */
  plan: (project: string): StoreKey => `plan:${project}`,
  /** The last read of an item's comments, activities and attachments. */
  details: (item: string): StoreKey => `task-details:${item}`,
  /** The run of a plan, by its id. */
  planRun: (id: string): StoreKey => `planrun:${id}`,
  /** The decision about one proposal of a plan, by the hash of the proposal. */
  planVerdict: (run: string, hash: string): StoreKey => `planverdict:${run}:${hash}`,
  /** A wish, by its id. Versions up to 0.2 stored only `true`. */
  wish: (id: string): StoreKey => id,
  /** The progress of an agent's fresh read of its projects. */
  fresh: (agent: string): StoreKey => `fresh:${encodeURIComponent(agent)}`,
  /** Mark that an agent has worked on an item that existed before, or that somebody changed it through Groundcrew. */
  managed: (item: string): StoreKey => `managed:${item}`,
  /** The agents whose label and assignment last agreed. */
  mirror: (item: string): StoreKey => `mirror:${item}`,
} as const;

export const workSets = {
  claims: "claims",
  claimsOf: (agent: string): SetName => `claims:${encodeURIComponent(agent)}`,
  /** Changes of status that are not complete. */
  attempts: "attempts",
  reviews: "reviews",
  times: "times",
  spent: "spent",
  /** Open questions. */
  questions: "questions",
  questionsOf: (item: string): SetName => `questions:${item}`,
  finishedBy: (agent: string): SetName => `finished:${encodeURIComponent(agent)}`,
  /** The tasks an agent finished on a calendar day, `2026-11-22`. */
  finishedOn: (agent: string, day: string): SetName => `finished:${encodeURIComponent(agent)}:${day}`,
  /** All stored runs of plans. */
  planRuns: "planruns",
  /** The runs of plans that are not finished: their tasks may be hidden from agents. */
  unfinishedPlanRuns: "planruns:unfinished",
  /** The finished runs of plans that created tasks in this project and have a task that is not closed. */
  planRunsOf: (project: string): SetName => `planruns:${project}`,
  /** The wishes that an agent has to deal with: open or planned. */
  wishesOf: (agent: string): SetName => `wishes:${encodeURIComponent(agent)}`,
  /** Running uploads. */
  uploads: "uploads",
  stuck: "stuck",
  circles: "circles",
} as const;

/** Minimum time left of a claim before a write to Plane: Plane's request timeout of 30 s plus 5 s. */
export const MIN_WRITE_MS: Ms = 35_000;
