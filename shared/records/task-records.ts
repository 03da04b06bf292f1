/**
 * What is kept about the work on a task and read outside of the module that writes it: its claim, its last change of
 * status, its note and its deliverables; and the result of a completed task, which follows from them.
 */

import type { Settings } from "../config/settings.ts";
import { htmlToText } from "../markdown/plain-text.ts";
import { toHtml } from "../markdown/to-html.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Store } from "../store/port.ts";
import { isRequestOpen, type RequestRecord } from "../task/request.ts";
import type { ItemRecord, Status } from "../task/snapshot.ts";
import { DAY, type Ms } from "../time.ts";
import { type ClaimRecord, findClaim, readClaims } from "./claim-record.ts";
import { workKeys, workSets } from "./store-keys.ts";

/** How far a procedure is, and what its steps know (`shared/procedure/procedure.ts`). */
export interface ProcedureRecord<Input> {
  kind: string;
  /** What it is about. A subject has one procedure of a kind at a time. */
  subject: string;
  /** Distinguishes it from others of its subject, and its effects from theirs. */
  id: string;
  input: Input;
  /** Name of the step that comes next; absent: it is complete, but for what `queuedStep` begins. */
  step?: string;
  /** The step that a job takes next, for which nothing else waits. */
  queuedStep?: string;
  /** Store time of the last recorded step. */
  at: Ms;
  /** Store time from which the queue continues it; absent: it is complete. */
  resumeAt?: Ms;
}

/** What is known of a change of status. The procedure's subject is the item. */
export interface StatusChangeInput {
  /** Or the person. */
  agent: string;
  status: Status;
  text?: string;
  commit?: string;
  tests?: string;
  /** The confidence, when it is so low that a human must review the result. */
  review?: number;
  /** Criteria in the task's own words, for the closing comment. */
  criteria?: string[];
  /** Set when the agent continues a task that it had blocked itself. */
  unblocks?: true;
  /** Why Plane refused this change or the one before it; removed when a change succeeds. */
  failure?: { text: string; at: Ms; id: string };
}

/**
 * The last change of an item's status, complete or not. Its id has the fencing number of the claim; it is a generated
 * one where no claim is needed.
 */
export type StatusChangeRecord = ProcedureRecord<StatusChangeInput>;

/** The kind of procedure that changes a status. Its record stays for 90 days, as it shows who blocked a task. */
export const STATUS_PROCEDURE = { name: "status", keptMs: 90 * DAY };

/** The kind of procedure that applies a verdict. */
export const VERDICT_PROCEDURE = "verdict";

/** An agent's last note on an item. */
export interface NoteRecord {
  /** Store time. */
  at: Ms;
  /** Markdown, shortened. */
  text: string;
}

/** The deliverables of an item that were uploaded through Groundcrew. */
export interface DeliverablesRecord {
  files: { name: string; size: number; attachment: string; sha256: string }[];
}

/** What is reported in the call that finishes a task. */
export interface CompletionReport {
  text?: string | undefined;
  commit?: string | undefined;
  tests?: string | undefined;
}

/** What the agent of a completed task delivered. */
interface TaskResult {
  /** The closing summary as one line of plain text. */
  text?: string;
  /** The files uploaded through Groundcrew, the first ones first; `count` counts all of them. */
  files: { name: string; url: string }[];
  count: number;
}

interface StoreDeps {
  store: Pick<Store, "read">;
}

interface ResultDeps {
  store: Pick<Store, "read" | "scan">;
}

/** Limit of the summary in a message, in characters: 600, a few lines on a phone. */
const TEXT_LIMIT = 600;

/** Limit of the files that are stored with an event. */
const FILE_LIMIT = 5;

/** The states of a ticket in which its session works on the item. */
export const ACTIVE_TICKET_STATES = ["approved", "starting", "running", "waiting"] as const;

/** The name of a ticket's session, which is also that of its terminal in tmux: `claude-ONB-12`. */
export function formatSessionName({ tickets }: Pick<Settings, "tickets">, key: string): string {
  return `${tickets?.prefix ?? "claude-"}${key}`;
}

/** Finds the session that works on the task with this key; undefined without one. */
export async function findSessionName(
  { store, settings }: StoreDeps & { settings: Pick<Settings, "tickets"> },
  key: string,
): Promise<string | undefined> {
  const [ticket] = await store.read<{ state: string }>([workKeys.ticket(key)]);
  const isActive = ACTIVE_TICKET_STATES.some((state) => state === ticket?.value.state);
  return isActive ? formatSessionName(settings, key) : undefined;
}

export async function findStatusAttempt(deps: StoreDeps, item: string): Promise<StatusChangeRecord | undefined> {
  const [stored] = await deps.store.read<StatusChangeRecord>([workKeys.procedure(STATUS_PROCEDURE.name, item)]);
  return stored?.value;
}

/**
 * Reads the deliverables of an item that were uploaded through Groundcrew, without a request to Plane. People's own
 * attachments, and those from before the store was lost, are only in Plane's list.
 */
export async function readDeliverables(deps: StoreDeps, item: string): Promise<{ name: string; size: number }[]> {
  const [record] = await deps.store.read<DeliverablesRecord>([workKeys.delivered(item)]);
  return record?.value.files.map(({ name, size }) => ({ name, size })) ?? [];
}

/**
 * Reads the result of a task whose completion is being observed; undefined without a summary and files. Makes no
 * request to Plane. The summary is that of the change that is just being applied, or of the review that was approved: a
 * task that people complete later has none of its own.
 */
export async function readTaskResult(
  deps: ResultDeps & { settings: Settings },
  { snapshot: { id, project } }: ItemRecord,
): Promise<TaskResult | undefined> {
  const [delivered] = await deps.store.read<DeliverablesRecord>([workKeys.delivered(id)]);
  const summary = await readSummary(deps, id);
  const text = summary === undefined ? "" : htmlToText(await toHtml(summary), TEXT_LIMIT);
  const files = delivered?.value.files ?? [];
  if (text === "" && files.length === 0) return undefined;
  return {
    ...omitUndefined({ text: text || undefined }),
    files: files.slice(0, FILE_LIMIT).map(({ name, attachment }) => ({
      name,
      url: formatAttachmentUrl(deps.settings.plane, { project, item: id, attachment }),
    })),
    count: files.length,
  };
}

/** The summary in Markdown: the text of the closing call, else the note that counted as the summary. */
async function readSummary({ store }: ResultDeps, item: string): Promise<string | undefined> {
  const [[attempt], [claim]] = await Promise.all([
    store.read<StatusChangeRecord>([workKeys.procedure(STATUS_PROCEDURE.name, item)]),
    readClaims({ store }, [item]),
  ]);
  if (attempt?.value.input.status !== "done") return undefined;
  const { step, input } = attempt.value;
  const { agent, text } = input;
  if (step === undefined && !(await isBeingReviewed({ store }, item))) return undefined;
  if (text?.trim()) return text;
  const [note] = await store.read<NoteRecord>([workKeys.note(agent, item)]);
  return note && isSummaryNote(note.value, claim?.value, agent) ? note.value.text : undefined;
}

/** Whether a person reviews the item, or has, and the verdict is being applied. */
async function isBeingReviewed({ store }: ResultDeps, item: string): Promise<boolean> {
  const { rows } = await store.scan<RequestRecord>(workSets.requestsOf(item));
  const reviews = rows.map(({ value }) => value).filter(({ kind }) => kind === "review");
  if (reviews.some(isRequestOpen)) return true;
  const keys = reviews.map(({ id }) => workKeys.procedure(VERDICT_PROCEDURE, id));
  const verdicts = await store.read<ProcedureRecord<object>>(keys);
  return verdicts.some((verdict) => verdict?.value.step !== undefined);
}

/** Whether the agent has written a note on the item since its claim began; such a note counts as its summary. */
export async function hasSummary(deps: StoreDeps, item: string, agent: string): Promise<boolean> {
  const [note] = await deps.store.read<NoteRecord>([workKeys.note(agent, item)]);
  return note !== undefined && isSummaryNote(note.value, await findClaim(deps, item), agent);
}

function isSummaryNote({ at }: NoteRecord, claim: ClaimRecord | undefined, agent: string): boolean {
  return claim?.agent !== agent || at >= claim.since;
}

/**
 * Formats the address that Plane's own attachment list uses, which returns the file to every user who is signed in to
 * Plane. `project`, `item` and `attachment` are Plane's ids.
 */
export function formatAttachmentUrl(
  plane: Settings["plane"],
  { project, item, attachment }: { project: string; item: string; attachment: string },
): string {
  const path = `${encodeURIComponent(plane?.workspace ?? "")}/projects/${project}/issues/${item}`;
  return `${plane?.url ?? ""}/api/assets/v2/workspaces/${path}/attachments/${attachment}/`;
}
