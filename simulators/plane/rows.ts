/** The tables of the simulated Plane. Names are Plane's column names; times are in microseconds since the epoch. */
import type { Id, MemberRole, Micros, Priority, StateGroup } from "./types.ts";

/** A value that JSON can represent. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json | undefined };
export type JsonObject = { [key: string]: Json | undefined };

export interface BaseRow {
  id: Id;
  created_at: Micros;
  updated_at: Micros;
  created_by: Id | null;
  updated_by: Id | null;
}
export interface ExternalIdColumns {
  external_source: string | null;
  external_id: string | null;
}

export interface UserRow extends BaseRow {
  email: string;
  password: string;
  first_name: string;
  last_name: string;
  display_name: string;
  user_timezone: string;
  username: string;
  is_bot: boolean;
  token: string;
  token_updated_at: Micros | null;
  date_joined: Micros;
  last_login: Micros;
  last_login_uagent: string;
  profile: ProfileRow;
}
interface ProfileRow {
  id: Id;
  created_at: Micros;
  updated_at: Micros;
  /** The values that the browser has set; they override the defaults. */
  set: JsonObject;
}
export interface WorkspaceRow extends BaseRow {
  slug: string;
  name: string;
  organization_size: string;
  timezone: string;
  owner: Id;
}
export interface MemberRow extends BaseRow {
  workspace: Id;
  member: Id;
  role: MemberRole;
  company_role: string | null;
  /** The person left or was removed: the row stays, but gives no access. */
  removed?: true;
}
export interface InvitationRow extends BaseRow {
  workspace: Id;
  email: string;
  role: MemberRole;
  token: string;
  message: string | null;
  accepted: boolean;
}
export interface TokenRow extends BaseRow {
  token: string;
  label: string;
  description: string;
  user: Id;
}
export interface ProjectRow extends BaseRow, ExternalIdColumns {
  workspace: Id;
  name: string;
  identifier: string;
  description: string;
  archived_at: Micros | null;
  network: number;
  cover_image: string | null;
  logo_props: Json;
  module_view: boolean;
  cycle_view: boolean;
  issue_views_view: boolean;
  page_view: boolean;
  intake_view: boolean;
  timezone: string;
  default_assignee: Id | null;
  project_lead: Id | null;
  /** Sequence number of the last created work item; it never decreases. */
  last_sequence: number;
}
export interface ProjectMemberRow extends BaseRow {
  project: Id;
  member: Id;
  role: MemberRole;
  /** The person left or was removed: the row stays, but gives no access. */
  removed?: true;
}
export interface StateRow extends BaseRow, ExternalIdColumns {
  project: Id;
  name: string;
  description: string;
  color: string;
  slug: string;
  sequence: number;
  group: StateGroup;
  default: boolean;
}
export interface LabelRow extends BaseRow, ExternalIdColumns {
  project: Id;
  name: string;
  description: string;
  color: string;
  sort_order: number;
}
export interface ItemRow extends BaseRow, ExternalIdColumns {
  workspace: Id;
  project: Id;
  created_by: Id;
  name: string;
  description_html: string;
  priority: Priority;
  start_date: string | null;
  target_date: string | null;
  sequence_id: number;
  sort_order: number;
  completed_at: Micros | null;
  /** A day, `2026-11-21`: Plane stores no time here. */
  archived_at: string | null;
  is_draft: boolean;
  parent: Id | null;
  state: Id;
  assignees: Id[];
  labels: Id[];
}
export interface CommentRow extends BaseRow, ExternalIdColumns {
  project: Id;
  issue: Id;
  actor: Id;
  comment_html: string;
  description: Id;
  edited_at: Micros | null;
}
export interface LinkRow extends BaseRow {
  project: Id;
  issue: Id;
  url: string;
  title: string | null;
  metadata: JsonObject;
}
export type StoredRelation = "blocked_by" | "duplicate" | "relates_to" | "start_before" | "finish_before";
export interface RelationRow extends BaseRow {
  project: Id;
  /** `issue` is blocked by `related_issue`, or starts before it, and so on. */
  issue: Id;
  related_issue: Id;
  relation_type: StoredRelation;
}
export interface CycleRow extends BaseRow, ExternalIdColumns {
  project: Id;
  name: string;
  description: string;
  start_date: Micros | null;
  end_date: Micros | null;
  sort_order: number;
  archived_at: Micros | null;
  owned_by: Id;
}
export interface ModuleRow extends BaseRow, ExternalIdColumns {
  project: Id;
  name: string;
  description: string;
  start_date: string | null;
  target_date: string | null;
  status: string;
  sort_order: number;
}
/** The membership of a work item in a cycle or module (`in`). */
export interface MembershipRow extends BaseRow {
  project: Id;
  in: Id;
  issue: Id;
}
export interface ActivityRow extends BaseRow {
  project: Id;
  issue: Id;
  verb: string;
  field: string | null;
  old_value: string | null;
  new_value: string | null;
  comment: string;
  old_identifier: Id | null;
  new_identifier: Id | null;
  epoch: number;
  issue_comment: Id | null;
  actor: Id;
}
export interface AttachmentRow extends BaseRow, ExternalIdColumns {
  project: Id;
  issue: Id;
  name: string;
  type: string;
  size: number;
  asset: string;
  is_uploaded: boolean;
}
export interface WebhookRow extends BaseRow {
  workspace: Id;
  url: string;
  secret_key: string;
  is_active: boolean;
  project: boolean;
  issue: boolean;
  module: boolean;
  cycle: boolean;
  issue_comment: boolean;
}
export interface WebhookLogRow extends BaseRow {
  webhook: Id;
  event_type: string;
  request_method: string;
  request_headers: JsonObject;
  request_body: JsonObject;
  response_status: string;
  response_headers: JsonObject | null;
  response_body: string;
  retry_count: number;
}
