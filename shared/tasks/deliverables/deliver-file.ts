/**
 * Attaches a file to a task as the caller and under its claim, with a comment that links it: a procedure that the
 * repeated call continues, and whose remains the queue links or removes when no call does.
 */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { sha256Hex } from "../../hashing.ts";
import { formatTemplate, localizeFileSize } from "../../i18n/localize.ts";
import { getTexts } from "../../i18n/texts.ts";
import { escapeHtml } from "../../markdown/plain-text.ts";
import { toHtml } from "../../markdown/to-html.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { attachmentsApi, type UploadSource, type UploadTicket } from "../../plane/attachments.ts";
import { GROUNDCREW_SOURCE } from "../../plane/endpoint.ts";
import {
  PlaneAuthError,
  PlaneConflictError,
  PlaneError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneUnavailableError,
} from "../../plane/errors.ts";
import {
  findProcedure,
  type ProcedureKind,
  type ProcedureStepResult,
  runProcedure,
  toProcedurePut,
} from "../../procedure/procedure.ts";
import type { Task } from "../../records/plane-records.ts";
import { workKeys } from "../../records/store-keys.ts";
import { type DeliverablesRecord, formatAttachmentUrl, type ProcedureRecord } from "../../records/task-records.ts";
import { updateValue } from "../../store/records.ts";
import { isOpen } from "../../task/snapshot.ts";
import { MINUTE, type Ms } from "../../time.ts";
import { type CallContext, chooseClient, createCallContext, isAgent } from "../call-context.ts";
import { verifyClaim } from "../claim-lease.ts";
import { ensureClaim } from "../claims.ts";
import { findPresentTask, findTask } from "../find-task.ts";
import { postComment } from "../post-comment.ts";
import {
  checkFileName,
  checkFileSize,
  checkFileType,
  createStorageLimitError,
  createTooLargeError,
  createUnsupportedTypeError,
  forgetFileSizeLimit,
  type NewDeliverable,
} from "./file-check.ts";
import { hashStream, sendFile } from "./transfer-file.ts";

/** What is known of an upload, besides how far it is. */
interface UploadInput {
  item: string;
  project: string;
  agent: string;
  name: string;
  size: number;
  /** The attachment's external id in Plane, unique together with our source. */
  external: string;
  /** Plane's id of the attachment, once it is created. */
  attachment?: string;
  /** The permission to send, a secret while it is valid: until `until` (store time). */
  ticket?: UploadTicket["upload_data"];
  until?: Ms;
  sha256?: string;
}

/** One call that uploads a file, or the queue: what it was given, and what it has learned and sent so far. */
interface UploadRun {
  context: CallContext;
  task: Task;
  /** What the sender gave; absent in the queue, which does not have the bytes. */
  source?: { bytes: Blob | UploadSource; type: string; sha256: string | undefined; text: string | undefined };
  /** Runs right before each write; throws when the caller has lost its claim. */
  requireClaim: () => Promise<void>;
  /** Number of attachments that this call has requested. */
  tries: number;
  /** SHA-256 of the bytes that this call has sent. */
  sentHash?: string;
  /** This call has read the stream of the file, which cannot be read again. */
  isConsumed?: boolean;
  /** Ends the call once its attachment is removed. */
  refusal?: unknown;
  /** SHA-256 of the file, once it was checked. */
  sha256?: string;
  /** Attachments that were started, never finished and could not be removed. */
  leftBehind: string[];
}

type Upload = ProcedureRecord<UploadInput>;
type UploadStepResult = Promise<ProcedureStepResult<UploadInput>>;

/** Limit of the attachments that a call requests, so that it ends whatever Plane answers; an ordinary upload takes one. */
const MAX_TRIES = 6;

/** Time for which a ticket is used: 10 min, because Plane's tickets last an hour and an upload takes at most 10 min. */
const TICKET_MS: Ms = 10 * MINUTE;

/** Retention of a completed upload: 10 min, within which the same file without a known hash counts as repeated. */
const REPEAT_MS: Ms = 10 * MINUTE;

/** Timeout for a partial upload: 30 min without a step, because sending alone takes up to 10 min. */
const PARTIAL_UPLOAD_MS: Ms = 30 * MINUTE;

export const UPLOAD: ProcedureKind<UploadInput, UploadRun> = {
  name: "upload",
  steps: [
    {
      name: "create",
      run: createAttachment,
      does: "removes what an earlier try left, gets a ticket; Plane names what has its external id",
    },
    { name: "send", run: sendAndConfirm, does: "sends the bytes and confirms; the ticket takes them again" },
    { name: "check", run: checkAttachment, does: "reads whether Plane shows the same file; it only reads" },
    { name: "link", run: linkAttachment, does: "writes the comment; Plane refuses a second one with its external id" },
  ],
  keptMs: REPEAT_MS,
  resumeAfterMs: PARTIAL_UPLOAD_MS,
  // Nobody else has the bytes, so what was not sent by then is removed.
  getGiveUpMs: () => PARTIAL_UPLOAD_MS,
  createRun: createQueueRun,
};

/**
 * Attaches a file to a work item as the caller and under its claim, with a comment that links it. Repeating the call,
 * also after an interruption, ends with one attachment and one comment. Name, type and size are checked before anything
 * is sent. Throws `bad_request`, `unsupported_type` or `too_large` with what is allowed, and `conflict` when the task
 * is closed or held by another agent.
 */
export async function deliverFile(context: CallContext, deliverable: NewDeliverable) {
  const { deps, caller } = context;
  const { file: bytes, text } = deliverable;
  const name = checkFileName(deliverable.name);
  const type = checkFileType(name, deliverable.type);
  const { size } = bytes;
  await checkFileSize(deps, size);
  const task = await findTask(context, deliverable.task);
  if (!isOpen(task.item.snapshot.status))
    throw new GroundcrewError(
      "conflict",
      `${task.key} is ${task.item.snapshot.status}. Set it to in_progress before you add a deliverable.`,
    );
  const claim = isAgent(caller) ? await ensureClaim(context, task) : undefined;
  const requireClaim = async () => claim && verifyClaim(context, task, claim);
  const sha256 = deliverable.sha256 ?? (bytes instanceof Blob ? await hashStream(deps, bytes.stream()) : undefined);
  const source = { bytes, type, sha256, text };
  const run: UploadRun = { context, task, source, requireClaim, tries: 0, leftBehind: [] };
  const upload = await findOrBeginUpload(run, { name, type, size, sha256 });
  const done = await runProcedure(deps, UPLOAD, upload, run, "check");
  if (!done || done === "stuck") throw createRestartError();
  const { sha256: hash = "", leftBehind } = run;
  const already = run.sentHash === undefined ? (true as const) : undefined;
  return {
    ...{ task: task.key, name: done.input.name, size, sha256: hash, type, attachment: done.input.attachment ?? "" },
    ...omitUndefined({ already, left_behind: leftBehind.length > 0 ? leftBehind : undefined }),
  };
}

/** An upload is identified by what stays the same when a call is repeated; without a known hash, by the caller too. */
async function findOrBeginUpload(
  { context: { deps, caller }, task }: UploadRun,
  { name, type, size, sha256 }: { name: string; type: string; size: number; sha256: string | undefined },
): Promise<Upload> {
  const content = sha256 ?? `by ${caller.name}`;
  const id = (await sha256Hex(JSON.stringify([task.id, name, type, size, content]))).slice(0, 32);
  const subject = `${task.id}:${id}`;
  const external = `deliverable-${sha256 === undefined ? deps.newId() : id}`;
  const input = { item: task.id, project: task.project.id, agent: caller.name, name, size, external };
  for (;;) {
    const upload = await findProcedure(deps, UPLOAD, subject);
    if (upload) return upload;
    const put = toProcedurePut(UPLOAD, { subject, id, input }, await deps.store.now());
    await deps.store.commit({ expect: [[put.key, 0]], put: [put] });
  }
}

async function createAttachment(run: UploadRun, { input }: Upload): UploadStepResult {
  const { context, source, requireClaim: beforeSend } = run;
  // What Plane keeps keeps its external id as well.
  const isKept = input.attachment !== undefined && !(await removeAttachment(run, input, input.attachment));
  const external = isKept ? `${input.external}-again` : input.external;
  if (run.refusal !== undefined) throw run.refusal;
  if (!source) return "stuck";
  if (run.isConsumed) throw createRestartError();
  run.tries += 1;
  const { name, size, project, item } = input;
  const exhausted = `${name} was not uploaded: Plane repeatedly refused its own upload tickets. Try again in a minute.`;
  if (run.tries > MAX_TRIES) throw new PlaneUnavailableError({ operation: "attachments_create" }, exhausted);
  const json = { name, type: source.type, size, external_source: GROUNDCREW_SOURCE, external_id: external };
  const until = (await context.deps.store.now()) + TICKET_MS;
  try {
    // Plane shows the user who confirms the attachment as its author.
    const client = await chooseClient(context);
    const { data } = await client.call(attachmentsApi.create, { params: { project, item }, json, beforeSend });
    const { name: storedName, size: allowed } = data.attachment.attributes;
    const created = { external, attachment: data.asset_id, ticket: data.upload_data, until, name: storedName };
    if (allowed >= size) return { input: created };
    await forgetFileSizeLimit(context.deps);
    run.refusal = createTooLargeError(size, { bytes: allowed, plane: allowed });
    return { input: created, next: "create" };
  } catch (thrown) {
    // An interrupted call, or one before the store was lost, has created it.
    if (thrown instanceof PlaneConflictError && thrown.id !== undefined)
      return { input: { external, attachment: thrown.id }, next: "check" };
    if (!(thrown instanceof PlaneInvalidError) || !/invalid file type/i.test(thrown.message)) throw thrown;
    throw createUnsupportedTypeError(`Plane did not accept ${name} as ${source.type}.`);
  }
}

/**
 * Removes an attachment that was never confirmed; true when it no longer exists. Plane does not show such attachments,
 * and its own worker removes them after 7 days; a failed removal is logged and reported to the caller.
 */
async function removeAttachment(
  { context, leftBehind }: UploadRun,
  { project, item }: UploadInput,
  attachment: string,
): Promise<boolean> {
  const { log } = context.deps;
  try {
    const client = await chooseClient(context);
    await client.call(attachmentsApi.remove, { params: { project, item, attachment } });
    log.info("partial upload removed", { item, attachment });
    return true;
  } catch (thrown) {
    if (thrown instanceof PlaneNotFoundError) return true;
    if (!(thrown instanceof PlaneError)) throw thrown;
    const reason = thrown.message;
    log.warn("partial upload not removed; Plane removes it after 7 days", { item, attachment, reason });
    leftBehind.push(attachment);
    return false;
  }
}

async function sendAndConfirm(run: UploadRun, { input }: Upload): UploadStepResult {
  const { context, source, task, requireClaim: beforeSend } = run;
  const { ticket, until = 0, attachment = "", name, size, project, item } = input;
  if (!source) {
    await removeAttachment(run, input, attachment);
    return "stuck";
  }
  if (!ticket || (await context.deps.store.now()) >= until) return { next: "create" };
  run.isConsumed = !(source.bytes instanceof Blob);
  const upload = { task: task.key, name, agent: context.caller.name, size };
  const sent = await sendFile(context, ticket, source.bytes, { beforeSend, upload });
  if ("refused" in sent) {
    if (sent.refused === "size") run.refusal = await createStorageLimitError(context.deps, size);
    return { next: "create" };
  }
  const { sha256 } = sent;
  run.sentHash = sha256;
  if (source.sha256 !== undefined && sha256 !== source.sha256) {
    run.refusal = createHashMismatchError(sha256, source.sha256);
    return { next: "create" };
  }
  try {
    const params = { project, item, attachment };
    await context.plane.call(attachmentsApi.confirm, { params, json: { is_uploaded: true }, beforeSend });
  } catch (thrown) {
    // Plane would refuse the caller again, and only Groundcrew's key created the attachment.
    if (thrown instanceof PlaneAuthError) run.refusal = thrown;
    else if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
    return { next: "create" };
  }
  return { input: { ticket: undefined, until: undefined, sha256 } };
}

async function checkAttachment(run: UploadRun, { input }: Upload): UploadStepResult {
  const { source, context, sentHash } = run;
  const { project, item, attachment } = input;
  // What this call has sent and confirmed is there. Another one may be unfinished, or deleted in Plane since.
  if (sentHash === undefined) {
    const client = await chooseClient(context);
    const { data } = await client.call(attachmentsApi.list, { params: { project, item } });
    if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded))
      return { input: { sha256: undefined }, next: "create" };
  }
  if (!source) return undefined;
  const sha256 = sentHash ?? (await hashStream(context.deps, source.bytes.stream()));
  run.sha256 = sha256;
  if (source.sha256 !== undefined && sha256 !== source.sha256) throw createHashMismatchError(sha256, source.sha256);
  if (sha256 === (input.sha256 ?? sha256)) return undefined;
  throw new GroundcrewError(
    "conflict",
    `Another ${input.name} of the same size was delivered a moment ago (SHA-256 ${input.sha256}). If this is a new file, ` +
      "add its SHA-256 (sha256=…) or give it another name.",
  );
}

async function linkAttachment(run: UploadRun, { input, step }: Upload): UploadStepResult {
  // The upload was complete, and the repeated call has only checked it.
  if (step === undefined) return undefined;
  const { context, task, source, requireClaim } = run;
  const { name, size, attachment = "", sha256 = run.sha256 } = input;
  await requireClaim();
  await postComment(context, task, `deliverable-${attachment}`, await renderLink(context, task, input, source?.text));
  const key = workKeys.delivered(task.id);
  await updateValue<DeliverablesRecord>(context.deps, key, (current) => {
    const files = current?.files.filter((file) => file.attachment !== attachment) ?? [];
    return { put: [{ key, value: { files: [...files, { name, size, attachment }] } satisfies DeliverablesRecord }] };
  });
  return { input: { sha256 } };
}

/** Links to the file. A link to the work item would only lead to the page on which the comment is. */
async function renderLink(
  { deps }: CallContext,
  task: Task,
  { name, size, attachment = "" }: UploadInput,
  text: string | undefined,
): Promise<string> {
  const href = formatAttachmentUrl(deps.settings.plane, { project: task.project.id, item: task.id, attachment });
  const { comments } = getTexts(deps.settings.locale);
  const line = formatTemplate(comments.deliverable, {
    file: `<a href="${escapeHtml(href)}">${escapeHtml(name)}</a>`,
    size: localizeFileSize(comments.locale, size),
  });
  const description = text?.trim() ? await toHtml(text) : "";
  return `<p>${line}</p>${description}`;
}

/** In the queue, a confirmed attachment is linked with Groundcrew's own key, on behalf of its agent. */
async function createQueueRun(deps: TaskDeps, { input }: Upload, correlation: string): Promise<UploadRun | undefined> {
  const task = await findPresentTask(deps, input.item);
  if (!task) return undefined;
  const own = createCallContext(deps, { name: input.agent, role: "worker" }, correlation);
  const context: CallContext = { ...own, plane: own.systemPlane, usesOwnKey: false };
  return { context, task, requireClaim: async () => {}, tries: 0, leftBehind: [] };
}

function createRestartError(): PlaneUnavailableError {
  const message =
    "The upload's ticket or attachment in Plane became invalid before the upload was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
}

function createHashMismatchError(received: string, announced: string): GroundcrewError {
  const message = `The received file has SHA-256 ${received}, not ${announced} as announced. Nothing was stored. Send it again.`;
  return new GroundcrewError("bad_request", message);
}
