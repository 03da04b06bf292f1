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
 * The back door of the in-memory Plane: what scripts and tests may do to it and read from it. Everything here is
 * synchronous unless it talks over HTTP.
 */
export interface PlaneSimulator {
  /** The base URL, without a slash at the end; empty before `start`. */
  readonly url: string;
  readonly version: PlaneVersion;
  /** Starts on a free loopback port (or the given one) and answers its base URL. */
  start(port?: number): Promise<string>;
  /** Stops for good: open sockets are broken, timers cleared. */
  stop(): Promise<void>;
  /** Refuses connections and breaks open ones, as when Plane is down; what runs by itself rests. */
  takeDown(): Promise<void>;
  /** Listens again on the same port. */
  bringUp(): Promise<void>;

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
    role?: MemberRole;
    timeZone?: string;
    password?: string;
  }): User;
  /** A new API key of this user. */
  createApiKey(user: Ref, label?: string): string;
  /** The key answers 403 from now on. */
  revokeKey(key: string): void;
  /** With it the user can sign in as the browser does. */
  setPassword(user: Ref, password: string): void;
  setTimeZone(user: Ref, timeZone: string): void;

  /** With Plane's default states (Backlog, Todo, In Progress, Done, Cancelled). All workspace members join unless given. */
  addProject(project: { name: string; identifier: string; members?: readonly Ref[] } & ActionOptions): Project;
  editProject(
    project: Ref,
    patch: { name?: string; description?: string; cycle_view?: boolean },
    doing?: ActionOptions,
  ): Project;
  archiveProject(project: Ref, doing?: ActionOptions): void;
  restoreProject(project: Ref, doing?: ActionOptions): void;
  deleteProject(project: Ref, doing?: ActionOptions): void;
  /** Adds or re-roles a project member. */
  addProjectMember(project: Ref, user: Ref, role?: MemberRole): void;
  states(project: Ref): State[];
  addState(project: Ref, state: { name: string; group: StateGroup; color?: string }): State;
  labels(project: Ref): Label[];
  addLabel(project: Ref, name: string, color?: string): Label;

  items(project: Ref): Item[];
  /** Undefined when it is deleted. A snapshot: read again to see a change. */
  item(item: Ref): Item | undefined;
  addItem(project: Ref, item: NewItem, doing?: ActionOptions): Item;
  editItem(item: Ref, patch: ItemPatch, doing?: ActionOptions): Item;
  /** Stops between deleting and inserting the assignees and labels that the patch names: reads see none until `finish`. */
  beginEdit(item: Ref, patch: ItemPatch, doing?: ActionOptions): { finish(): Item };
  deleteItem(item: Ref): void;
  archiveItem(item: Ref, doing?: ActionOptions): void;
  restoreItem(item: Ref, doing?: ActionOptions): void;

  comments(item: Ref): Comment[];
  /** All of them, also those whose upload was never confirmed; `bytes` is what the storage has. */
  attachments(item: Ref): Attachment[];
  deleteAttachment(attachment: Ref): void;
  addComment(item: Ref, html: string, doing?: ActionOptions & { external?: ExternalRef }): Comment;
  editComment(comment: Ref, html: string, doing?: ActionOptions): Comment;
  deleteComment(comment: Ref, doing?: ActionOptions): void;
  addLink(item: Ref, url: string, doing?: ActionOptions & { title?: string }): void;

  /** `blocked` is blocked by `blocker`. `onto` says whose page it is done on, so whose `updated_at` moves (default the blocked one's). */
  relate(blocked: Ref, blocker: Ref, doing?: ActionOptions & { onto?: "blocked" | "blocker" }): void;
  unrelate(blocked: Ref, blocker: Ref, doing?: ActionOptions & { onto?: "blocked" | "blocker" }): void;
  /** The ids of what blocks this item. */
  blockers(item: Ref): Id[];

  addCycle(project: Ref, cycle: { name: string; start_date?: string; end_date?: string }, doing?: ActionOptions): Cycle;
  editCycle(cycle: Ref, patch: { name?: string; start_date?: string; end_date?: string }, doing?: ActionOptions): Cycle;
  addToCycle(cycle: Ref, items: readonly Ref[], doing?: ActionOptions): void;
  addModule(project: Ref, module: { name: string }, doing?: ActionOptions): { readonly id: Id; readonly name: string };

  /** A webhook for all events, active. */
  addWebhook(url: string): Webhook;
  isWebhookActive(webhook: Ref): boolean;
  setWebhookActive(webhook: Ref, active: boolean): void;

  /** The worker takes one task (moves `updated_at` a moment later, writes activities, writes a delivery's body). False when it had none. */
  runWorkerTask(): boolean;
  /** The worker works until it has nothing left; sends no webhook. Answers how many tasks it did. */
  runWorker(): number;
  /** `settle`, then deliver what is due, until neither has anything left. */
  deliverAll(): Promise<DeliveryAttempt[]>;

  readonly deliveries: DeliveryControl;
  readonly ledger: Ledger;
  readonly faults: FaultControl;
}
