import type { Ms } from "../../shared/time.ts";
import type {
  ActivityRow,
  AttachmentRow,
  BaseRow,
  CommentRow,
  CycleRow,
  InvitationRow,
  ItemRow,
  LabelRow,
  LinkRow,
  MemberRow,
  MembershipRow,
  ModuleRow,
  ProjectMemberRow,
  ProjectRow,
  RelationRow,
  StateRow,
  TokenRow,
  UserRow,
  WebhookLogRow,
  WebhookRow,
  WorkspaceRow,
} from "./rows.ts";
import type { Id, Micros, PlaneVersion } from "./types.ts";
import type { WorkerTask } from "./worker-tasks.ts";

interface WorldData {
  users: Map<Id, UserRow>;
  workspaces: Map<Id, WorkspaceRow>;
  members: Map<Id, MemberRow>;
  invitations: Map<Id, InvitationRow>;
  tokens: Map<Id, TokenRow>;
  /** User ids by `<cookie name>:<session key>`; the instance admin page has a cookie of its own. */
  sessions: Map<string, Id>;
  projects: Map<Id, ProjectRow>;
  projectMembers: Map<Id, ProjectMemberRow>;
  states: Map<Id, StateRow>;
  labels: Map<Id, LabelRow>;
  items: Map<Id, ItemRow>;
  comments: Map<Id, CommentRow>;
  links: Map<Id, LinkRow>;
  relations: Map<Id, RelationRow>;
  cycles: Map<Id, CycleRow>;
  modules: Map<Id, ModuleRow>;
  memberships: Map<Id, MembershipRow>;
  activities: Map<Id, ActivityRow>;
  attachments: Map<Id, AttachmentRow>;
  /** Uploaded files by asset key. */
  uploads: Map<string, Uint8Array>;
  webhooks: Map<Id, WebhookRow>;
  webhookLogs: Map<Id, WebhookLogRow>;
}

interface PlaneInstance {
  id: Id;
  instance_id: string;
  created_at: Micros;
  updated_at: Micros;
  name: string;
  telemetry: boolean;
  setUp: boolean;
  signUp: { id: Id; created_at: Micros; updated_at: Micros; enabled: boolean };
  admins: Set<Id>;
}

export interface PlaneWorld {
  readonly version: PlaneVersion;
  readonly fileSizeLimit: number;
  readonly webhookAllowedHosts: readonly string[];
  readonly data: WorldData;
  readonly instance: PlaneInstance;
  readonly queue: WorkerTask[];
  clock(): Ms;
  random(): number;
  newId(): Id;
  /** Returns the time of a change: the clock's time, but always later than the one before. */
  stamp(): Micros;
  /** Returns the base URL; empty before the server has started. */
  baseUrl(): string;
  /** Called after tasks were queued. */
  onTasksQueued(): void;
  /** Awaited while an edit over HTTP has deleted rows and not yet inserted them. */
  duringEdit: ((item: Id) => void | Promise<void>) | undefined;
}

const createWorldData = (): WorldData => ({
  users: new Map(),
  workspaces: new Map(),
  members: new Map(),
  invitations: new Map(),
  tokens: new Map(),
  sessions: new Map(),
  projects: new Map(),
  projectMembers: new Map(),
  states: new Map(),
  labels: new Map(),
  items: new Map(),
  comments: new Map(),
  links: new Map(),
  relations: new Map(),
  cycles: new Map(),
  modules: new Map(),
  memberships: new Map(),
  activities: new Map(),
  attachments: new Map(),
  uploads: new Map(),
  webhooks: new Map(),
  webhookLogs: new Map(),
});

export type PlaneWorldOptions = Pick<
  PlaneWorld,
  "version" | "fileSizeLimit" | "webhookAllowedHosts" | "clock" | "random" | "newId"
>;

export function createPlaneWorld(options: PlaneWorldOptions): PlaneWorld {
  let last = 0;
  let count = 0;
  const stamp = (): Micros => {
    count += 1;
    // The clock has milliseconds: spread the microseconds as a real clock would, and never go back.
    last = Math.max(Math.floor(options.clock()) * 1000 + ((count * 137) % 1000), last + 7);
    return last;
  };
  const createdAt = stamp();
  return {
    ...options,
    data: createWorldData(),
    instance: {
      id: options.newId(),
      instance_id: toHex(options.newId()).slice(0, 24),
      created_at: createdAt,
      updated_at: createdAt + 21,
      name: "Plane Community Edition",
      telemetry: true,
      setUp: false,
      signUp: { id: options.newId(), created_at: createdAt, updated_at: createdAt, enabled: true },
      admins: new Set(),
    },
    queue: [],
    stamp,
    baseUrl: () => "",
    onTasksQueued: () => {},
    duringEdit: undefined,
  };
}

/** Returns an id without its dashes. */
export const toHex = (id: Id): string => id.replaceAll("-", "");

/**
 * Creates the base columns of a row. `updated_at` is a few microseconds later, because Django reads the clock twice.
 */
export function createRow(world: PlaneWorld, by: Id | null): BaseRow {
  const created_at = world.stamp();
  return { id: world.newId(), created_at, updated_at: created_at + 9, created_by: by, updated_by: null };
}

export function touchRow(world: PlaneWorld, row: BaseRow, by: Id | null): void {
  row.updated_at = world.stamp();
  row.updated_by = by;
}

/** Queues the tasks of an edit. Plane's workers race, so either the activity or the announcements run first. */
export function enqueueInRandomOrder(
  world: PlaneWorld,
  activity: WorkerTask | undefined,
  announcements: WorkerTask[],
): void {
  const first = activity ? [activity] : [];
  if (world.random() < 0.5) world.queue.push(...first, ...announcements);
  else world.queue.push(...announcements, ...first);
  world.onTasksQueued();
}

export const enqueueTasks = (world: PlaneWorld, ...tasks: WorkerTask[]): void => {
  world.queue.push(...tasks);
  world.onTasksQueued();
};

export const getEpoch = (world: PlaneWorld): number => Math.floor(world.clock() / 1000);

/** Sorts by creation, newest first, as Plane does in nearly all lists. */
export const sortNewestFirst = <T extends BaseRow>(rows: Iterable<T>): T[] =>
  [...rows].sort((a, b) => b.created_at - a.created_at);
