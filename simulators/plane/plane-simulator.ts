import type { DeliveryAttempt, DeliveryControl, FaultControl, Ledger } from "./test-controls.ts";
import type {
  ActionOptions,
  Attachment,
  Comment,
  Cycle,
  ExternalRef,
  Id,
  Item,
  ItemPatch,
  Label,
  MemberRole,
  NewItem,
  PlaneVersion,
  Project,
  Ref,
  State,
  StateGroup,
  User,
  Webhook,
  Workspace,
} from "./types.ts";

/**
 * The simulated Plane as scripts and tests control it. They change and read its data here without HTTP; all of it is
 * synchronous except what uses the network.
 */
export interface PlaneSimulator {
  /** The base URL without a trailing slash; empty before `start`. */
  readonly url: string;
  readonly version: PlaneVersion;
  /** Listens on the loopback, on `port` or any free port, and returns the base URL. */
  start(port?: number): Promise<string>;
  /** Stops the server: breaks open connections and clears timers. */
  stop(): Promise<void>;
  /** Simulates an outage: refuses connections, breaks open ones and pauses automatic work. */
  takeDown(): Promise<void>;
  /** Listens again on the same port. */
  bringUp(): Promise<void>;

  /** The first workspace; throws when there is none. */
  readonly workspace: Workspace;
  addWorkspace(workspace: { slug: string; name?: string; owner?: Ref }): Workspace;
  /**
   * Creates an account and, if there is a workspace, adds it to the first one. The first person becomes admin, all
   * others members. `name` is the first name and, in lower case, the display name.
   */
  addUser(user: {
    name: string;
    lastName?: string;
    displayName?: string;
    email?: string;
    role?: MemberRole;
    timeZone?: string;
    password?: string;
  }): User;
  /** Creates an API key of this user. */
  createApiKey(user: Ref, label?: string): string;
  /** Revokes an API key: requests with it are answered with 403. */
  revokeKey(key: string): void;
  /** Sets the password with which the user signs in through the browser's API. */
  setPassword(user: Ref, password: string): void;
  setTimeZone(user: Ref, timeZone: string): void;

  /**
   * Creates a project with Plane's default states (Backlog, Todo, In Progress, Done, Cancelled). Its members are
   * `members`, by default all people of the workspace.
   */
  addProject(project: { name: string; identifier: string; members?: readonly Ref[] } & ActionOptions): Project;
  editProject(
    project: Ref,
    patch: { name?: string; description?: string; cycle_view?: boolean; page_view?: boolean },
    options?: ActionOptions,
  ): Project;
  archiveProject(project: Ref, options?: ActionOptions): void;
  restoreProject(project: Ref, options?: ActionOptions): void;
  deleteProject(project: Ref, options?: ActionOptions): void;
  /** Adds a project member or changes its role; default: 15, member. */
  addProjectMember(project: Ref, user: Ref, role?: MemberRole): void;
  /** Removes a project member as the browser does: API keys still see the membership in the list. */
  removeProjectMember(project: Ref, email: string): void;
  /** Changes a member's role in the workspace, or the name that Plane shows. */
  editMember(user: Ref, change: { role?: MemberRole; displayName?: string }): void;
  /** Removes a member from the workspace and its projects as the browser does: API keys still see the memberships. */
  removeMember(user: Ref): void;
  /** The e-mail address and role of those who have access to the project, as `ada@example.test 20`, sorted. */
  projectMembers(project: Ref): string[];
  /** All projects of the first workspace, also those that were created through the API. */
  projects(): Project[];
  states(project: Ref): State[];
  addState(project: Ref, state: { name: string; group: StateGroup; color?: string }): State;
  labels(project: Ref): Label[];
  addLabel(project: Ref, name: string, color?: string): Label;
  /** Renames a state or label, which keeps its id. Plane sends no webhook about it. */
  rename(stateOrLabel: Ref, name: string): void;
  /** Deletes a state without items, or a label; its items lose the label. Plane sends no webhook about it. */
  deleteStateOrLabel(stateOrLabel: Ref): void;

  items(project: Ref): Item[];
  /** A copy of the item as it is now; undefined when it was deleted. */
  item(item: Ref): Item | undefined;
  addItem(project: Ref, item: NewItem, options?: ActionOptions): Item;
  editItem(item: Ref, patch: ItemPatch, options?: ActionOptions): Item;
  /**
   * Begins an edit and stops after Plane has deleted the assignees and labels that the patch names: reads see none of
   * them until `finish`.
   */
  beginEdit(item: Ref, patch: ItemPatch, options?: ActionOptions): { finish(): Item };
  deleteItem(item: Ref): void;
  archiveItem(item: Ref, options?: ActionOptions): void;
  restoreItem(item: Ref, options?: ActionOptions): void;

  comments(item: Ref): Comment[];
  /** All attachments, also those whose upload was not confirmed. `bytes` is the stored file. */
  attachments(item: Ref): Attachment[];
  deleteAttachment(attachment: Ref): void;
  addComment(item: Ref, html: string, options?: ActionOptions & { external?: ExternalRef }): Comment;
  editComment(comment: Ref, html: string, options?: ActionOptions): Comment;
  deleteComment(comment: Ref, options?: ActionOptions): void;
  addLink(item: Ref, url: string, options?: ActionOptions & { title?: string }): void;

  /**
   * Adds the relation: `blocked` is blocked by `blocker`. `onto` is the item on whose page it is added; Plane changes
   * only that item's `updated_at`. Default: the blocked item.
   */
  relate(blocked: Ref, blocker: Ref, options?: ActionOptions & { onto?: "blocked" | "blocker" }): void;
  unrelate(blocked: Ref, blocker: Ref, options?: ActionOptions & { onto?: "blocked" | "blocker" }): void;
  /** The ids of the items that block this one. */
  blockers(item: Ref): Id[];

  addCycle(
    project: Ref,
    cycle: { name: string; start_date?: string; end_date?: string },
    options?: ActionOptions,
  ): Cycle;
  editCycle(
    cycle: Ref,
    patch: { name?: string; start_date?: string; end_date?: string },
    options?: ActionOptions,
  ): Cycle;
  addToCycle(cycle: Ref, items: readonly Ref[], options?: ActionOptions): void;
  addModule(
    project: Ref,
    module: { name: string },
    options?: ActionOptions,
  ): { readonly id: Id; readonly name: string };
  /** The ids of the items in a cycle or module. */
  groupItems(group: Ref): Id[];

  /** Creates an active webhook for all events. */
  addWebhook(url: string): Webhook;
  isWebhookActive(webhook: Ref): boolean;
  setWebhookActive(webhook: Ref, active: boolean): void;

  /**
   * Runs one task of Plane's worker: it writes history, changes `updated_at` once more, or writes the body of a webhook
   * delivery. Returns false when no task was queued.
   */
  runWorkerTask(): boolean;
  /** Runs all queued tasks of the worker and returns their number. It sends no webhook. */
  runWorker(): number;
  /** Runs the worker and sends the due deliveries, until neither has anything left. */
  deliverAll(): Promise<DeliveryAttempt[]>;

  readonly deliveries: DeliveryControl;
  readonly ledger: Ledger;
  readonly faults: FaultControl;
}
