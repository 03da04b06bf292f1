/**
 * The back door of the in-memory Plane: what scripts and tests may do to it and read from it.
 * Field names are Plane's own. Everything here is synchronous unless it talks over HTTP.
 */

import type { Attempt, Deliveries, FaultControl, Ledger } from "./control.ts";

/** Milliseconds since the epoch, or a length of time in milliseconds. */
export type Ms = number;
/** Microseconds since the epoch: the resolution of Plane's timestamps. */
export type Micros = number;
export type Id = string;
/** A record of this Plane or its id. */
export type Ref = Id | { readonly id: Id };

export type Version = "1.3.1" | "1.2.2";
export type Priority = "urgent" | "high" | "medium" | "low" | "none";
export type Group = "backlog" | "unstarted" | "started" | "completed" | "cancelled" | "triage";
/** 20 admin, 15 member, 5 guest. */
export type Role = 20 | 15 | 5;
/** What the `activity.field` of a webhook is called depends on the door an edit came through. */
export type Via = "api" | "browser";

export interface PlaneOptions {
  /** Default `Date.now`. `Date` headers, timestamps, rate limits and retry waits follow it. */
  clock?: () => Ms;
  /** Default random UUIDs (v4). */
  newId?: () => Id;
  version?: Version;
  /** Requests per minute and API key; default 60, as Plane's. `Infinity` switches it off. */
  rateLimit?: number;
  /** Largest attachment in bytes; default 5 MiB, as Plane's. */
  fileSizeLimit?: number;
  /** 0 ≤ n < 1, for the waits between delivery attempts and which of two workers is first; default a fixed seed. */
  random?: () => number;
  /** True: an instance nobody has set up yet (no user, no workspace), for provisioning. Default: one workspace. */
  empty?: boolean;
  /** Slug and name of that workspace; default `javisi`. */
  workspace?: string;
  /** True: worker and deliveries run by themselves, as in the demo. Default: a test drives them. */
  autoDeliver?: boolean;
  /** True: the worker runs by itself a moment after each change, deliveries stay pending. Default `autoDeliver`. */
  autoWorker?: boolean;
  /** Plane's `WEBHOOK_ALLOWED_HOSTS`: hosts (without port) a webhook made over HTTP may point at although private. Default none. */
  webhookAllowedHosts?: string[];
  /** How long a delivery waits for its answer, in milliseconds of real time; default 30,000, as Plane's. */
  deliveryTimeout?: Ms;
}

export interface User {
  readonly id: Id;
  readonly email: string;
  readonly first_name: string;
  readonly last_name: string;
  readonly display_name: string;
  /** IANA name; API timestamps are rendered in it. */
  readonly user_timezone: string;
}
interface Workspace {
  readonly id: Id;
  readonly slug: string;
  readonly name: string;
}
export interface Project {
  readonly id: Id;
  readonly name: string;
  readonly identifier: string;
  readonly archived_at: Micros | null;
}
interface State {
  readonly id: Id;
  readonly name: string;
  readonly group: Group;
}
interface Label {
  readonly id: Id;
  readonly name: string;
}
export interface Item {
  readonly id: Id;
  readonly project: Id;
  readonly sequence_id: number;
  readonly name: string;
  readonly description_html: string;
  readonly priority: Priority;
  readonly state: Id;
  readonly assignees: readonly Id[];
  readonly labels: readonly Id[];
  readonly start_date: string | null;
  readonly target_date: string | null;
  readonly parent: Id | null;
  readonly created_at: Micros;
  readonly updated_at: Micros;
  readonly completed_at: Micros | null;
  /** A day, as Plane keeps it. */
  readonly archived_at: string | null;
  readonly is_draft: boolean;
  readonly external_source: string | null;
  readonly external_id: string | null;
  readonly created_by: Id;
}
interface Comment {
  readonly id: Id;
  readonly issue: Id;
  readonly comment_html: string;
  readonly actor: Id;
  readonly external_source: string | null;
  readonly external_id: string | null;
}
interface Attachment {
  readonly id: Id;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly is_uploaded: boolean;
  readonly created_by: Id | null;
  readonly bytes: Uint8Array | undefined;
}
interface Cycle {
  readonly id: Id;
  readonly name: string;
  readonly start_date: Micros | null;
  readonly end_date: Micros | null;
}
interface Webhook {
  readonly id: Id;
  readonly secret: string;
}

export interface ItemPatch {
  name?: string;
  description_html?: string;
  priority?: Priority;
  /** Id or name. */
  state?: string;
  assignees?: readonly Ref[];
  /** Ids or names. */
  labels?: readonly (Ref | string)[];
  start_date?: string | null;
  target_date?: string | null;
  parent?: Ref | null;
}
interface NewItem extends ItemPatch {
  name: string;
  is_draft?: boolean;
  external_source?: string;
  external_id?: string;
}
/** Who does it, and through which door. Default: the first human, in the browser. */
export interface Doing {
  by?: Ref;
  via?: Via;
}
interface External {
  source: string;
  id: string;
}

export interface Plane {
  /** The base URL, without a slash at the end; empty before `start`. */
  readonly url: string;
  readonly version: Version;
  /** Starts on a free loopback port (or the given one) and answers its base URL. */
  start(port?: number): Promise<string>;
  /** Stops for good: open sockets are broken, timers cleared. */
  stop(): Promise<void>;
  /** Refuses connections and breaks open ones, as when Plane is down; what runs by itself rests. */
  down(): Promise<void>;
  /** Listens again on the same port. */
  up(): Promise<void>;

  /** The first workspace. Throws when there is none. */
  readonly workspace: Workspace;
  addWorkspace(workspace: { slug: string; name?: string; owner?: Ref }): Workspace;
  /**
   * A new account, a member of the first workspace (if there is one): the first person in it its admin, the others members.
   * `name` is the first name and, in lower case, the display name.
   */
  addUser(user: {
    name: string;
    lastName?: string;
    displayName?: string;
    email?: string;
    role?: Role;
    timeZone?: string;
    password?: string;
  }): User;
  /** A new API key of this user. */
  apiKey(user: Ref, label?: string): string;
  /** The key answers 403 from now on. */
  revokeKey(key: string): void;
  /** With it the user can sign in as the browser does. */
  setPassword(user: Ref, password: string): void;
  setTimeZone(user: Ref, timeZone: string): void;

  /** With Plane's default states (Backlog, Todo, In Progress, Done, Cancelled). All workspace members join unless given. */
  addProject(project: { name: string; identifier: string; members?: readonly Ref[] } & Doing): Project;
  editProject(project: Ref, patch: { name?: string; description?: string }, doing?: Doing): Project;
  archiveProject(project: Ref, doing?: Doing): void;
  restoreProject(project: Ref, doing?: Doing): void;
  deleteProject(project: Ref, doing?: Doing): void;
  /** Adds or re-roles a project member. */
  addProjectMember(project: Ref, user: Ref, role?: Role): void;
  states(project: Ref): State[];
  addState(project: Ref, state: { name: string; group: Group; color?: string }): State;
  labels(project: Ref): Label[];
  addLabel(project: Ref, name: string, color?: string): Label;

  items(project: Ref): Item[];
  /** Undefined when it is deleted. A snapshot: read again to see a change. */
  item(item: Ref): Item | undefined;
  addItem(project: Ref, item: NewItem, doing?: Doing): Item;
  editItem(item: Ref, patch: ItemPatch, doing?: Doing): Item;
  /** Stops between deleting and inserting the assignees and labels that the patch names: reads see none until `finish`. */
  beginEdit(item: Ref, patch: ItemPatch, doing?: Doing): { finish(): Item };
  deleteItem(item: Ref): void;
  archiveItem(item: Ref, doing?: Doing): void;
  restoreItem(item: Ref, doing?: Doing): void;

  comments(item: Ref): Comment[];
  /** All of them, also those whose upload was never confirmed; `bytes` is what the storage has. */
  attachments(item: Ref): Attachment[];
  deleteAttachment(attachment: Ref): void;
  addComment(item: Ref, html: string, doing?: Doing & { external?: External }): Comment;
  editComment(comment: Ref, html: string, doing?: Doing): Comment;
  deleteComment(comment: Ref, doing?: Doing): void;
  addLink(item: Ref, url: string, doing?: Doing & { title?: string }): void;

  /** `blocked` is blocked by `blocker`. `onto` says whose page it is done on, so whose `updated_at` moves (default the blocked one's). */
  relate(blocked: Ref, blocker: Ref, doing?: Doing & { onto?: "blocked" | "blocker" }): void;
  unrelate(blocked: Ref, blocker: Ref, doing?: Doing & { onto?: "blocked" | "blocker" }): void;
  /** The ids of what blocks this item. */
  blockers(item: Ref): Id[];

  addCycle(project: Ref, cycle: { name: string; start_date?: string; end_date?: string }, doing?: Doing): Cycle;
  editCycle(cycle: Ref, patch: { name?: string; start_date?: string; end_date?: string }, doing?: Doing): Cycle;
  addToCycle(cycle: Ref, items: readonly Ref[], doing?: Doing): void;
  addModule(project: Ref, module: { name: string }, doing?: Doing): { readonly id: Id; readonly name: string };

  /** A webhook for all events, active. */
  addWebhook(url: string): Webhook;
  webhookActive(webhook: Ref): boolean;
  setWebhookActive(webhook: Ref, active: boolean): void;

  /** The worker takes one task (moves `updated_at` a moment later, writes activities, writes a delivery's body). False when it had none. */
  tick(): boolean;
  /** The worker works until it has nothing left; sends no webhook. Answers how many tasks it did. */
  settle(): number;
  /** `settle`, then deliver what is due, until neither has anything left. */
  deliver(): Promise<Attempt[]>;

  readonly deliveries: Deliveries;
  readonly ledger: Ledger;
  readonly faults: FaultControl;
}
