import type { Ms } from "../../shared/time.ts";

/**
 * What the in-memory Plane and its back door speak of: options, records, and how records are written.
 * Field names are Plane's own.
 */
import type { PlaneWorldSnapshot } from "./restore-world.ts";

/** Microseconds since the epoch: the resolution of Plane's timestamps. */
export type Micros = number;
export type Id = string;
/** A record of this Plane or its id. */
export type Ref = Id | { readonly id: Id };

export type PlaneVersion = "1.3.1" | "1.2.2";
export type Priority = "urgent" | "high" | "medium" | "low" | "none";
export type StateGroup = "backlog" | "unstarted" | "started" | "completed" | "cancelled" | "triage";
/** 20 admin, 15 member, 5 guest. */
export type MemberRole = 20 | 15 | 5;
/** What the `activity.field` of a webhook is called depends on the door an edit came through. */
export type EditSource = "api" | "browser";

export interface PlaneSimulatorOptions {
  /** Default `Date.now`. `Date` headers, timestamps, rate limits and retry waits follow it. */
  clock?: () => Ms;
  /** Default random UUIDs (v4). */
  newId?: () => Id;
  version?: PlaneVersion;
  /** Requests per minute and API key; default 60, as Plane's. `Infinity` switches it off. */
  rateLimit?: number;
  /** Largest attachment in bytes; default 5 MiB, as Plane's. */
  fileSizeLimit?: number;
  /** 0 ≤ n < 1, for the waits between delivery attempts and which of two workers is first; default a fixed seed. */
  random?: () => number;
  /** True: an instance nobody has set up yet (no user, no workspace), for provisioning. Default: one workspace. */
  empty?: boolean;
  /** A Plane as it was, in place of a new workspace. */
  snapshot?: PlaneWorldSnapshot;
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
export interface Workspace {
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
export interface State {
  readonly id: Id;
  readonly name: string;
  readonly group: StateGroup;
}
export interface Label {
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
export interface Comment {
  readonly id: Id;
  readonly issue: Id;
  readonly comment_html: string;
  readonly actor: Id;
  readonly external_source: string | null;
  readonly external_id: string | null;
}
export interface Attachment {
  readonly id: Id;
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly is_uploaded: boolean;
  readonly created_by: Id | null;
  readonly bytes: Uint8Array | undefined;
}
export interface Cycle {
  readonly id: Id;
  readonly name: string;
  readonly start_date: Micros | null;
  readonly end_date: Micros | null;
}
export interface Webhook {
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
export interface NewItem extends ItemPatch {
  name: string;
  is_draft?: boolean;
  external_source?: string;
  external_id?: string;
}
/** Who does it, and through which door. Default: the first human, in the browser. */
export interface ActionOptions {
  by?: Ref;
  via?: EditSource;
}
export interface ExternalRef {
  source: string;
  id: string;
}
