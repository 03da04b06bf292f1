/** What is kept of the workspace, its projects and cycles, beside the items (see shared/task/snapshot.ts). */

export interface KeptWorkspace {
  /** Plane's id; only webhooks that carry it are ours (rule 11). Projects tell it: "" while there is none. */
  id: string;
  /** Plane's time when the first look at the projects began: projects created since are new. */
  began: string;
}

/** The last reading of the projects. */
export interface KeptProjectsRead {
  /** Store time when it began. */
  at: number;
  /** Plane's time of its answer. */
  date: string;
}

export interface KeptProject {
  id: string;
  identifier: string;
  name: string;
  createdAt: string;
  /** An archived project lists nothing: its items are silent, not removed (rule 5). */
  archived: boolean;
  /** Whether Plane lets our key read its items. */
  member: boolean;
  /** All its items are done or cancelled, and it has some. */
  completed: boolean;
  /** Plane's time: what is unseen and was created since is new, everything else is known and silent (rule 9). */
  began: string;
  /** The first complete read is over; until then its webhooks are held. */
  baseline: boolean;
  /** Plane's newest `updated_at` of the last complete pass; moved by passes only (rule 2). */
  cursor: string;
  /** The cursor up to which the time before it has been read again after ten quiet minutes. */
  settled?: string;
  /** How many items the last pass found above its depth: how large a page to ask for. */
  window: number;
  /** Whether it uses cycles, and whether they have been read once. */
  cycles: boolean;
  cyclesRead?: boolean;
  /** Not listed any more by two reads: deleted, or hidden from our key. Its items are silent. */
  gone?: boolean;
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
}

export interface KeptComments {
  /** Comment id to the hash of its content; "" for one that is gone. */
  known: Record<string, string>;
  /** Plane's `updated_at` of the item when its whole list was last asked for; absent: only webhooks were seen. */
  readAt?: string;
}

export interface KeptRelations {
  /** Store time when the latest reading of this end began. */
  at: number;
}

export interface KeptEdge {
  blocked: string;
  blocker: string;
  blockerProject: string;
  /** It was there before us, and whether its blocker holds it up has not been reckoned yet: reckoning it tells nobody. */
  unsaid?: boolean;
  /** Nobody has seen the blocker, and a read did not find it: archived before us, perhaps. It holds nobody up. */
  absent?: boolean;
}
