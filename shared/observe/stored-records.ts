/**
 * Stored records of the workspace, its projects, cycles, comments and relations. For items see shared/task/snapshot.ts.
 */

export interface KeptWorkspace {
  /**
   * Plane's id; webhooks with another id are ignored (observation rule 11). "" until Plane lists a project, which
   * contains it.
   */
  id: string;
  /** Plane's time when the first read of the projects began: projects created since then are new. */
  began: string;
}

/** The last read of the projects. */
export interface KeptProjectsRead {
  /** Store time when the read began. */
  at: number;
  /** Plane's time of the response. */
  date: string;
}

export interface KeptProject {
  id: string;
  identifier: string;
  name: string;
  createdAt: string;
  /** Plane lists no items of an archived project; they are not removed and cause no events (observation rule 5). */
  archived: boolean;
  /** Whether our key's user is a member of the project, so that Plane lists its items. */
  member: boolean;
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
  settled?: string;
  /** Number of items that the last pass had to read; it determines the next page size. */
  window: number;
  /** Whether the project uses cycles. */
  cycles: boolean;
  /** The cycles have been read once. */
  cyclesRead?: boolean;
  /** Two reads did not list the project: it was deleted, or our key lost access. Its items cause no events. */
  gone?: boolean;
  /** The last read did not list the project. */
  missing?: boolean;
}

export type CyclePhase = "draft" | "upcoming" | "current" | "completed";

export interface KeptCycle {
  id: string;
  project: string;
  name: string;
  start: string | null;
  end: string | null;
  phase: CyclePhase;
  done: number;
  total: number;
  /** Absent in records of versions up to 0.2. */
  cancelled?: number;
}

export interface KeptComments {
  /** Comment id to the hash of its content; "" for a deleted comment. */
  known: Record<string, string>;
  /** Plane's `updated_at` of the item at the last complete read of its comments; absent: only webhooks were seen. */
  readAt?: string;
  /** Plane's time of the newest comment that a webhook reported. */
  announcedAt?: string;
}

export interface KeptRelations {
  /** Store time when the latest read of this item's relations began. */
  at: number;
}

/** Where a dependency was found when Plane's API has no relations. */
export type EdgeSource = "text" | "activities";

export interface KeptEdge {
  blocked: string;
  blocker: string;
  blockerProject: string;
  /** Only where Plane's API has no relations. Default there: only the "Blocked by" lines. */
  sources?: EdgeSource[];
  /** The dependency existed before the observation began and was not evaluated yet; its evaluation causes no events. */
  unsaid?: boolean;
  /** The blocker is unknown and a read did not find it, for example because it is archived. It blocks nothing. */
  absent?: boolean;
}

/** The part of a dependency block on which the facts of events depend; `shared/work/dependencies` adds the rest. */
export interface KeptDependencyBlock {
  /**
   * Being blocked, blocked, being released; `excused`: people moved the task out of Blocked by hand, so it is not
   * blocked because of these blockers again.
   */
  phase: "blocking" | "stuck" | "releasing" | "excused";
}
