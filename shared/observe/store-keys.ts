import type { SetName, StoreKey } from "../store/port.ts";
import { DAY } from "../time.ts";

/** Store keys of all observed records. Ids are Plane's UUIDs. */
export const observedKeys = {
  workspace: "workspace",
  projectsRead: "projects-read",
  /** A project that sends webhooks but is not listed by Plane or not followed. */
  unfollowed: (project: string): StoreKey => `unfollowed:${project}`,
  project: (id: string): StoreKey => `project:${id}`,
  item: (id: string): StoreKey => `item:${id}`,
  comments: (item: string): StoreKey => `comments:${item}`,
  relations: (item: string): StoreKey => `relations:${item}`,
  /** A dependency: `blocked` depends on `blocker`. */
  edge: (blocked: string, blocker: string): StoreKey => `edge:${blocked}:${blocker}`,
  /** A relation in Plane that does not count as a dependency. */
  ignoredDependency: (blocked: string, blocker: string): StoreKey => `ignored-edge:${blocked}:${blocker}`,
  cycle: (id: string): StoreKey => `cycle:${id}`,
  /** The items of a cycle at its last read. */
  cycleItems: (id: string): StoreKey => `cycle-items:${id}`,
  /** The blockers because of which Groundcrew has blocked a dependant. */
  dependencyBlock: (item: string): StoreKey => `stuck:${item}`,
  /** Time of an item's last read, so that several queued reads become one. */
  lastRead: (item: string): StoreKey => `read:${item}`,
  /** Written before a pass begins, for its revision (see `takeRevisionMark`). */
  mark: (project: string): StoreKey => `mark:${project}`,
  agent: (name: string): StoreKey => `agent:${name}`,
  /** The item of each rank whose details were read last, so that all items of a rank have their turn. */
  detailsPositions: "details-positions",
} as const;

/** Names of the sets, whose members can be listed and counted. */
export const observedSets = {
  projects: "projects",
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
