/**
 * What is kept of Plane besides its work items: the workspace, projects, cycles, comments, relations and dependencies,
 * and what a project's record says about reading it. A `Task` is a stored item with its project.
 */

import { shiftPlaneTime } from "../plane/endpoint.ts";
import type { Put, Revision, Store } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import type { Ms } from "../time.ts";
import { observedKeys, observedSets } from "./store-keys.ts";

export interface WorkspaceRecord {
  /**
   * Plane's id; webhooks with another id are ignored (observation rule 11). "" until Plane lists a project, which
   * contains it.
   */
  id: string;
  /** Plane's time when the first read of the projects began: projects created since then are new. */
  began: string;
  /** The settings that name the workspace: only when people changed them, another id is believed at once. */
  address: string;
}

/** The last read of the projects. */
export interface ProjectsReadRecord {
  /** Store time when the read began. */
  at: number;
  /** Plane's time of the response. */
  date: string;
}

export interface ProjectRecord {
  id: string;
  identifier: string;
  name: string;
  createdAt: string;
  /** Plane lists no items of an archived project; they are not removed and cause no events (observation rule 5). */
  archived: boolean;
  /** Whether our key's user is a member of the project, so that Plane lists its items. */
  member: boolean;
  /** Number of its members without bots, as Plane counts them. */
  memberCount?: number;
  /** The project has items, and all of them are done or cancelled. */
  completed: boolean;
  /** The first complete read found it completed, and no event about that was decided. */
  completedAtBaseline?: true;
  /**
   * Plane's time when the baseline began: items created and changes made since then cause events, older ones do not
   * (observation rule 9). "" until the first read begins.
   */
  began: string;
  /** The first complete read has finished; until then webhooks of the project are held. */
  baseline: boolean;
  /** Number of items that Plane listed when the baseline began, to tell how far it is. */
  listed?: number;
  /** Number of items of all projects whose blockers were unread when the baseline ended, to tell how far that is. */
  unreadBlockers?: number;
  /** Newest `updated_at` of the last complete pass; moved by passes only (observation rule 2). */
  cursor: string;
  /**
   * Equal to `cursor` when a pass at least 10 minutes after it has read its overlap, so that the overlap need not be
   * read again.
   */
  overlapReadCursor?: string;
  /** Number of items that the last pass had to read; it determines the next page size. */
  window: number;
  /** Whether the project uses cycles. */
  cycles: boolean;
  /** The cycles have been read once. */
  cyclesRead?: boolean;
  /** Plane denies the project (deleted, or our key lost access), or it is not followed. Its items cause no events. */
  removed?: boolean;
  /**
   * It was removed because Plane lists it no more, not because it is no longer followed: people deleted it, or hid it
   * from our key.
   */
  deleted?: boolean;
  /** Plane's lists contradict what is stored; until that is settled, nothing of the project is removed. */
  doubt?: ProjectDoubt;
}

/** Why what Plane lists of a project may be wrong. */
export interface ProjectDoubt {
  /**
   * `missing`: Plane does not list the project; `shorter`: the list of its items lacks most of them; `refused`: Plane
   * refuses that list, or it cannot be right.
   */
  reason: "missing" | "shorter" | "refused";
  /** Store time. */
  since: Ms;
  /** Of a missing project: Plane has denied each of its open items up to this id. */
  deniedUpTo?: string;
}

export type CyclePhase = "draft" | "upcoming" | "current" | "completed";

export interface CycleRecord {
  id: string;
  project: string;
  name: string;
  start: string | null;
  end: string | null;
  phase: CyclePhase;
  done: number;
  total: number;
  cancelled: number;
}

export interface CommentsRecord {
  /** Comment id to the hash of its content; "" for a deleted comment. */
  known: Record<string, string>;
  /** Plane's `updated_at` of the item at the last complete read of its comments; absent: only webhooks were seen. */
  readAt?: string;
  /** Plane's time of the newest comment that a webhook reported. */
  announcedAt?: string;
}

/** Written before a pass over a project's list begins. */
export interface PassMark {
  id: string;
  /** Store time. */
  at: number;
}

export interface RelationsRecord {
  /** Store time when the latest read of this item's relations began. */
  at: number;
}

/** Where a dependency was found. The last two count where Plane's API has no relations. */
export type EdgeSource = "relations" | "activities" | "text";

export interface EdgeRecord {
  blocked: string;
  blocker: string;
  blockerProject: string;
  sources: EdgeSource[];
  /** The dependency existed before the observation began and was not evaluated yet; its evaluation causes no events. */
  isInitial?: true;
  /** The blocker is unknown and a read did not find it, for example because it is archived. It blocks nothing. */
  isBlockerMissing?: boolean;
  /** When Plane had taken it from Groundcrew (store time): the answer to a read that began before may lack it. */
  writtenAt?: Ms;
}

/** Blockers, by Plane's id, that cannot be completed for now, and why. */
export type BlockCauses = Record<string, "cancelled" | "blocked">;

/** A task that Groundcrew has blocked because of its blockers (OPENCLAW-14). */
export interface DependencyBlockRecord {
  item: string;
  /**
   * Being blocked, blocked, being released; `overridden`: people moved the task out of Blocked by hand, so it is not
   * blocked because of these blockers again.
   */
  phase: "blocking" | "blocked" | "releasing" | "overridden";
  causes: BlockCauses;
  /** The cause that the next report names, because it has come since the last one. */
  newCause?: string;
  /** Part of the external ids of this episode's comments, so that each comment is written once. */
  episode: string;
}

/** A stored work item with its key, project and URL. */
export interface Task {
  id: string;
  /** `ONB-12` */
  key: string;
  item: ItemRecord;
  rev: Revision;
  project: ProjectRecord;
  /** URL of the item's page in Plane. */
  url: string;
}

interface StoreDeps {
  store: Store;
}

/**
 * Whether Plane lists this project's items. For an archived project it returns 200 and no items (observation rule 5).
 */
export function isReadableProject(project: ProjectRecord): boolean {
  return project.member && !project.archived && !project.removed;
}

/** Whether Groundcrew has blocked the task, or is blocking it, because of its blockers. */
export async function isBlockedByDependency({ store }: StoreDeps, item: string): Promise<boolean> {
  const [block] = await store.read<DependencyBlockRecord>([observedKeys.dependencyBlock(item)]);
  return block?.value.phase === "blocking" || block?.value.phase === "blocked";
}

/** Whether the project was created since the observation of the workspace began, so that everything in it is new. */
export function isNewProject(project: ProjectRecord): boolean {
  return project.began === project.createdAt;
}

/**
 * Returns Plane's time since which items of a first read are new. Plane's `Date` header has whole seconds, so items
 * created in the second in which observation began count as existing. In a new project nothing can have existed before.
 */
export function getNewSince(project: ProjectRecord): string {
  return isNewProject(project) ? project.began : shiftPlaneTime(project.began, 1000);
}

/** Returns the stored projects whose items Plane lists. */
export async function listReadableProjects(deps: StoreDeps): Promise<ProjectRecord[]> {
  return (await readAllRows<ProjectRecord>(deps, observedSets.projects))
    .map(({ value }) => value)
    .filter(isReadableProject);
}

/** Whether the project has items, and all of them are done or cancelled. */
export async function hasOnlyClosedItems({ store }: StoreDeps, project: string): Promise<boolean> {
  const [open, total] = await Promise.all([
    store.count(observedSets.open(project)),
    store.count(observedSets.items(project)),
  ]);
  return open === 0 && total > 0;
}

/** A project that is gone leaves the set of projects. */
export function toProjectPut(project: ProjectRecord): Put {
  return {
    key: observedKeys.project(project.id),
    value: project,
    sets: project.removed ? (project.deleted ? [observedSets.deletedProjects] : []) : [observedSets.projects],
  };
}

/** Returns a new revision. Values with a greater revision were stored after this call, so after the pass began. */
export async function takeRevisionMark(deps: StoreDeps & { newId: () => string }, project: string): Promise<number> {
  const key = observedKeys.mark(project);
  const value: PassMark = { id: deps.newId(), at: await deps.store.now() };
  await deps.store.commit({ put: [{ key, value }] });
  const [mark] = await deps.store.read([key]);
  return mark?.rev ?? 0;
}
