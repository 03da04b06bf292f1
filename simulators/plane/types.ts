import type { Ms } from "../../shared/time.ts";
import type { PlaneWorldSnapshot } from "./restore-world.ts";

/**
 * The types of the simulated Plane's control interface: options, records, and the values that change them.
 * Field names of records are Plane's own.
 */

/** Microseconds since the epoch: the resolution of Plane's timestamps. */
export type Micros = number;
export type Id = string;
/** A record of the simulated Plane, or its id. */
export type Ref = Id | { readonly id: Id };

export type PlaneVersion = "1.3.1" | "1.2.2";
export type Priority = "urgent" | "high" | "medium" | "low" | "none";
export type StateGroup = "backlog" | "unstarted" | "started" | "completed" | "cancelled" | "triage";
/** 20 admin, 15 member, 5 guest. */
export type MemberRole = 20 | 15 | 5;
/** The API an edit uses. A webhook's `activity.field` has another name for each. */
export type EditSource = "api" | "browser";

export interface PlaneSimulatorOptions {
  /** Clock of `Date` headers, timestamps, rate limits and retry waits. Default: `Date.now`. */
  clock?: () => Ms;
  /** Creates ids. Default: random UUIDs (v4). */
  newId?: () => Id;
  version?: PlaneVersion;
  /** Requests per minute and API key. Default: 60, as in Plane. `Infinity` switches the limit off. */
  rateLimit?: number;
  /** Largest attachment in bytes. Default: 5 MiB, as in Plane. */
  fileSizeLimit?: number;
  /**
   * Yields numbers 0 ≤ n < 1 for retry waits and for the order of racing workers. Default: a generator with a fixed
   * seed.
   */
  random?: () => number;
  /** True: an instance before its setup, without user and workspace. Default: one workspace. */
  empty?: boolean;
  /** The data of a saved Plane, instead of a new workspace. */
  snapshot?: PlaneWorldSnapshot;
  /** Slug and name of the workspace. Default: `javisi`. */
  workspace?: string;
  /** True: the worker and webhook deliveries run automatically. Default: only when a test runs them. */
  autoDeliver?: boolean;
  /** True: the worker runs automatically after each change, deliveries stay pending. Default: `autoDeliver`. */
  autoWorker?: boolean;
  /**
   * Plane's `WEBHOOK_ALLOWED_HOSTS`: private hosts, without port, that webhooks created over HTTP may use. Default:
   * none.
   */
  webhookAllowedHosts?: string[];
  /** Timeout for a webhook's answer, in milliseconds of real time. Default: 30,000, as in Plane. */
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
  /** A day, `2026-11-21`: Plane stores no time here. */
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
/** The actor and the API of an action. Default: the first person, in the browser. */
export interface ActionOptions {
  by?: Ref;
  via?: EditSource;
}
export interface ExternalRef {
  source: string;
  id: string;
}
