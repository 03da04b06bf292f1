import type { SetName, StoreKey } from "../store/port.ts";
import { DAY } from "../time.ts";

/** Where everything observed is kept. Ids are Plane's UUIDs. */
export const observedKeys = {
  workspace: "workspace",
  projectsRead: "projects-read",
  /** A project whose webhooks come although it is not listed or not followed. */
  unfollowed: (project: string): StoreKey => `unfollowed:${project}`,
  project: (id: string): StoreKey => `project:${id}`,
  item: (id: string): StoreKey => `item:${id}`,
  comments: (item: string): StoreKey => `comments:${item}`,
  relations: (item: string): StoreKey => `relations:${item}`,
  /** `blocked` waits for `blocker`. */
  edge: (blocked: string, blocker: string): StoreKey => `edge:${blocked}:${blocker}`,
  cycle: (id: string): StoreKey => `cycle:${id}`,
  /** The last read of an item: several queued reads become one. */
  lastRead: (item: string): StoreKey => `read:${item}`,
  /** A mark in the store's sequence, taken before a pass begins. */
  mark: (project: string): StoreKey => `mark:${project}`,
  agent: (name: string): StoreKey => `agent:${name}`,
} as const;

/** The sets that can be listed and counted. */
export const observedSets = {
  projects: "projects",
  /** A project's items that Plane lists. */
  items: (project: string): SetName => `items:${project}`,
  /** Those that Plane lists as well, but that are kept for checks of our own and count as nobody's work. */
  quiet: (project: string): SetName => `quiet:${project}`,
  /** A project's items that are neither done nor cancelled. */
  open: (project: string): SetName => `open:${project}`,
  /** The item with this number in a project: `ONB-12` by the project's id and 12. */
  numbered: (project: string, sequence: number): SetName => `number:${project}:${sequence}`,
  /** An agent's open tasks, by its name in the settings. */
  tasks: (agent: string): SetName => `tasks:${encodeURIComponent(agent)}`,
  /** All relations that make an item wait. */
  edges: "edges",
  /** All items that wait for an open blocker. */
  waiting: "waiting",
  blockers: (blocked: string): SetName => `blockers:${blocked}`,
  dependants: (blocker: string): SetName => `dependants:${blocker}`,
  cycles: (project: string): SetName => `cycles:${project}`,
} as const;

/** A removed item's tombstone stays so long (rule 4). */
export const TOMBSTONE_RETENTION_MS = 30 * DAY;
