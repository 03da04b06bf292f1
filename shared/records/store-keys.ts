/** Every key and every set of the store that holds records about projects, tasks, plans and people's requests. */

import { type SetName, type StoreKey, WORKSPACE_KEY } from "../store/port.ts";
import { DAY } from "../time.ts";

/** Store keys of all observed records. Ids are Plane's UUIDs. */
export const observedKeys = {
  workspace: WORKSPACE_KEY,
  projectsRead: "projects-read",
  /** A project that sends webhooks but is not listed by Plane or not followed. */
  unfollowed: (project: string): StoreKey => `unfollowed:${project}`,
  /** The members of the workspace and of its projects. */
  members: "members",
  project: (id: string): StoreKey => `project:${id}`,
  /** The names by which a project's states or labels count, by their ids. */
  managedNames: (project: string, kind: "states" | "labels"): StoreKey => `managed-names:${project}:${kind}`,
  item: (id: string): StoreKey => `item:${id}`,
  comments: (item: string): StoreKey => `comments:${item}`,
  relations: (item: string): StoreKey => `relations:${item}`,
  /** A dependency: `blocked` depends on `blocker`. */
  edge: (blocked: string, blocker: string): StoreKey => `edge:${blocked}:${blocker}`,
  /**
   * A relation in Plane that does not count: an agent removed the dependency, and Plane's API cannot remove relations.
   * Stored until a read no longer finds the relation.
   */
  ignoredDependency: (blocked: string, blocker: string): StoreKey => `ignored-edge:${blocked}:${blocker}`,
  cycle: (id: string): StoreKey => `cycle:${id}`,
  /** The items of a cycle at its last read. */
  cycleItems: (id: string): StoreKey => `cycle-items:${id}`,
  /** The blockers because of which Groundcrew has blocked a dependant. */
  dependencyBlock: (item: string): StoreKey => `dependency-block:${item}`,
  /** Time of an item's last read, so that several queued reads become one. */
  lastRead: (item: string): StoreKey => `read:${item}`,
  /** Written before a pass begins, for its revision (see `takeRevisionMark`). */
  mark: (project: string): StoreKey => `mark:${project}`,
  agent: (name: string): StoreKey => `agent:${encodeURIComponent(name)}`,
  /** The item of each rank whose details were read last, so that all items of a rank have their turn. */
  detailsPositions: "details-positions",
} as const;

/** Names of the sets, whose members can be listed and counted. */
export const observedSets = {
  projects: "projects",
  /** Projects that Plane lists no more, so that it can be said of their tasks. */
  deletedProjects: "deleted-projects",
  /** The items of a project that Plane lists. */
  items: (project: string): SetName => `items:${project}`,
  /** Items that Plane lists but that only serve Groundcrew's own checks (the canary) and are not tasks. */
  quiet: (project: string): SetName => `quiet:${project}`,
  /** The items of a project that are neither done nor cancelled. */
  open: (project: string): SetName => `open:${project}`,
  /** The item with this number in a project: for `ONB-12`, the project's id and 12. */
  numbered: (project: string, sequence: number): SetName => `number:${project}:${sequence}`,
  /** The open tasks of an agent, by its name in the settings. */
  tasks: (agent: string): SetName => `tasks:${encodeURIComponent(agent)}`,
  /** The templates of recurring work. */
  templates: "templates",
  /** All dependencies. */
  edges: "edges",
  /** All items that have an open blocker. */
  waiting: "waiting",
  /** Agents' open tasks whose blockers the first look has not read yet. */
  unknownTasks: "unknown-tasks",
  blockers: (blocked: string): SetName => `blockers:${blocked}`,
  dependants: (blocker: string): SetName => `dependants:${blocker}`,
  ignoredDependencies: (blocked: string): SetName => `ignored-edges:${blocked}`,
  cycles: (project: string): SetName => `cycles:${project}`,
  /** The items with unread details of this rank (see `DETAILS_RANKS`). */
  unreadDetails: (rank: number): SetName => `details:${rank}`,
} as const;

/**
 * Retention of a removed item's tombstone: 30 days (observation rule 4), so that a late webhook does not restore the
 * item.
 */
export const TOMBSTONE_RETENTION_MS = 30 * DAY;

/** Store keys of the task operations. `item` is Plane's id of an item, `agent` an agent's name in the settings. */
export const workKeys = {
  /** The last claim on a task, which is its own lease. */
  claim: (item: string): StoreKey => `claim:${item}`,
  /** The last run of the claims tick. */
  lastClaimsTick: "claims-tick",
  /** How far a procedure of this kind about this subject is. */
  procedure: (kind: string, subject: string): StoreKey => `procedure:${kind}:${subject}`,
  /** The agent card of an item. */
  card: (item: string): StoreKey => `card:${item}`,
  /** All time entries of an item. */
  time: (item: string): StoreKey => `time:${item}`,
  /** The time of the agent's last note on the item. */
  note: (agent: string, item: string): StoreKey => `note:${encodeURIComponent(agent)}:${item}`,
  /** The ticket of the item with this key, `ONB-12`. */
  ticket: (key: string): StoreKey => `ticket:${key}`,
  /** What people wrote about an item to agents. */
  remarks: (item: string): StoreKey => `remarks:${item}`,
  /** A request to a person, by its id. */
  request: (id: string): StoreKey => `request:${id}`,
  /** A message of an agent to the human, about no task. */
  message: (id: string): StoreKey => `message:${id}`,
  /** Idempotency key of a call, by the hash of its input. */
  idempotencyKey: (hash: string): StoreKey => `idempotency:${hash}`,
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
  /** Whether an agent is stopped, and what people were asked about its limits. */
  brake: (agent: string): StoreKey => `brake:${encodeURIComponent(agent)}`,
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
  dependencyCycle: (hash: string): StoreKey => `dependency-cycle:${hash}`,
  /** A project that is being created, by the hash of its name. */
  projectCreation: (hash: string): StoreKey => `project-creation:${hash}`,
  /** The lease of a lock. */
  lock: (subject: string): StoreKey => `lock:${encodeURIComponent(subject)}`,
  /** The progress of a plan, by its project. */
  plan: (project: string): StoreKey => `plan:${project}`,
  /** The last read of an item's comments, activities and attachments. */
  details: (item: string): StoreKey => `task-details:${item}`,
  /** The run of a plan, by its id. */
  planRun: (id: string): StoreKey => `planrun:${id}`,
  /** A wish, by its id. */
  wish: (id: string): StoreKey => id,
  /** The state of recurring work, by the id of its schedule. */
  schedule: (id: string): StoreKey => `schedule:${encodeURIComponent(id)}`,
  /** The progress of an agent's fresh read of its projects. */
  fresh: (agent: string): StoreKey => `fresh:${encodeURIComponent(agent)}`,
  /** Mark that an agent has worked on an item that existed before, or that somebody changed it through Groundcrew. */
  managed: (item: string): StoreKey => `managed:${item}`,
  /** The agents whose label and assignment last agreed. */
  mirror: (item: string): StoreKey => `mirror:${item}`,
} as const;

export const workSets = {
  /** Claims that have not ended. */
  claims: "claims",
  claimsOf: (agent: string): SetName => `claims:${encodeURIComponent(agent)}`,
  /** Procedures that are not complete. */
  procedures: "procedures",
  times: "times",
  spent: "spent",
  /** Open requests to people. */
  requests: "requests",
  /** The requests about an item, open and closed. */
  requestsOf: (item: string): SetName => `requests:${item}`,
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
  /** Recurring work whose template is a work item. */
  schedules: "schedules",
  /** Running uploads. */
  uploads: "uploads",
  blockedByDependency: "dependency-blocks",
  dependencyCycles: "dependency-cycles",
} as const;
