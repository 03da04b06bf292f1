import { GroundcrewError } from "../../errors.ts";
import { GROUNDCREW_SOURCE } from "../../observe/comments.ts";
import { attachmentsApi, type UploadTicket } from "../../plane/attachments.ts";
import type { PlaneAnswer } from "../../plane/client.ts";
import {
  PlaneConflictError,
  PlaneInvalidError,
  PlaneNotFoundError,
  PlaneUnavailableError,
} from "../../plane/errors.ts";
import type { UploadSource } from "../../plane/upload.ts";
import type { StoredValue } from "../../store/port.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { workKeys } from "../context/work-keys.ts";
import type { Task } from "../tasks/find-task.ts";
import {
  createStorageLimitError,
  createTooLargeError,
  createUnsupportedTypeError,
  forgetFileSizeLimit,
} from "./check-file.ts";
import { removePartialUpload } from "./partial-uploads.ts";
import { hashStream, sendFile } from "./send-file.ts";
import {
  type CheckedFile,
  findOrCreateUpload,
  forgetUpload,
  hashUpload,
  type KeptUpload,
  saveUploadStep,
} from "./upload-record.ts";

/** The steps of a call are bounded, whatever the other side answers; an ordinary one takes four. */
const MAX_STEPS = 20;
/** A ticket is not used in its last minute. */
const TICKET_MARGIN_MS: Ms = MINUTE;

/** What a call ends with: the record, `confirmed` or `linked`, under its key. */
export interface AttachedFile {
  kept: StoredValue<KeptUpload>;
  key: string;
  sha256: string;
  /** Whether this call sent the bytes, rather than found them there. */
  sent: boolean;
  /** Attachments that were begun, never finished, and could not be taken away again. */
  leftBehind: string[];
}

/**
 * Brings a file to Plane: create, upload, confirm, each kept before the next, so that the same call again goes on where
 * one was cut off and ends with one attachment. `prove` runs right before each write.
 */
export async function attachFile(
  context: CallContext,
  task: Task,
  file: CheckedFile,
  bytes: Blob | UploadSource,
  prove: () => Promise<void>,
): Promise<AttachedFile> {
  const { deps, plane } = context;
  const params = { project: task.project.id, item: task.id };
  const hash = await hashUpload(context, task, file);
  const key = workKeys.upload(task.id, hash);
  const leftBehind: string[] = [];
  /** Of what this call has sent. */
  let sha256: string | undefined;
  let shownAttachment: string | undefined;

  for (let step = 0; step < MAX_STEPS; step += 1) {
    const kept = await findOrCreateUpload(context, task, file, hash);
    const record = kept.value;
    switch (record.step) {
      case "begun":
        await createAttachment(kept);
        break;
      case "created":
        await sendOrRestart(kept);
        break;
      case "sent":
        // Bytes nobody knew beforehand may be others this time: they are sent over those that are there.
        if (sha256 === undefined && file.sha256 === undefined) await sendOrRestart(kept);
        else await confirmAttachment(kept);
        break;
      default:
        if (await isShown(record.attachment)) return finishAttached(kept);
        await forgetUpload(context, key, kept);
    }
  }
  throw new PlaneUnavailableError(
    { operation: "attachments_create" },
    `${file.name} could not be brought to Plane: it kept refusing what it had just given. Try again in a minute.`,
  );

  async function createAttachment(kept: StoredValue<KeptUpload>): Promise<void> {
    const startedAt = await deps.store.now();
    const { name, type, size } = file;
    const json = { name, type, size, external_source: GROUNDCREW_SOURCE, external_id: kept.value.external };
    let created: PlaneAnswer<UploadTicket>;
    try {
      created = await plane.call(attachmentsApi.create, { params, json, beforeSend: prove });
    } catch (thrown) {
      if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return adoptExisting(kept, thrown.id);
      if (!(thrown instanceof PlaneInvalidError)) throw thrown;
      await forgetUpload(context, key, kept);
      throw /invalid file type/i.test(thrown.message)
        ? createUnsupportedTypeError(`Plane did not take ${name} as ${type}.`)
        : thrown;
    }
    const { asset_id: attachment, upload_data: ticket, attachment: attachmentRow } = created.data;
    if (attachmentRow.attributes.size < size) {
      await dropUpload(kept, attachment);
      await forgetFileSizeLimit(deps);
      throw createTooLargeError(size, { bytes: attachmentRow.attributes.size, plane: attachmentRow.attributes.size });
    }
    const until = startedAt + getTicketLifetime(ticket, created.date);
    const next = {
      ...kept.value,
      step: "created" as const,
      name: attachmentRow.attributes.name,
      attachment,
      ticket,
      until,
    };
    // Another call may have been ahead; then what this one made is nobody's.
    if (!(await saveUploadStep(context, key, kept, next))) await discard(attachment);
  }

  /** Plane has one under our id: finished before our record was lost, or made by a call that was cut off right then. */
  async function adoptExisting(kept: StoredValue<KeptUpload>, attachment: string): Promise<void> {
    if (await isShown(attachment)) {
      await saveUploadStep(context, key, kept, { ...kept.value, step: "confirmed", attachment });
      return;
    }
    // Whoever keeps this may take it away: a call beside this one finds its own record changed.
    if (!(await saveUploadStep(context, key, kept, kept.value))) return;
    if (await discard(attachment)) return;
    const now = await findOrCreateUpload(context, task, file, hash);
    await saveUploadStep(context, key, now, { ...now.value, external: `${now.value.external}-again` });
  }

  async function sendOrRestart(kept: StoredValue<KeptUpload>): Promise<void> {
    const { ticket, until = 0, attachment = "" } = kept.value;
    const isConsumed = bytes instanceof Blob ? false : sha256 !== undefined;
    if (!ticket || (await deps.store.now()) >= until) return dropUpload(kept, attachment);
    if (isConsumed) throw createRestartError();
    const sent = await sendFile(context, ticket, bytes, prove);
    if ("refused" in sent) {
      await dropUpload(kept, attachment);
      if (sent.refused === "size") throw await createStorageLimitError(deps, file.size);
      if (bytes instanceof Blob) return;
      throw createRestartError();
    }
    sha256 = sent.sha256;
    if (file.sha256 !== undefined && sha256 !== file.sha256) {
      await dropUpload(kept, attachment);
      throw createHashMismatchError(sha256, file.sha256);
    }
    await saveUploadStep(context, key, kept, { ...kept.value, step: "sent", sha256 });
  }

  async function confirmAttachment(kept: StoredValue<KeptUpload>): Promise<void> {
    const { attachment = "" } = kept.value;
    try {
      await plane.call(attachmentsApi.confirm, {
        params: { ...params, attachment },
        json: { is_uploaded: true },
        beforeSend: prove,
      });
    } catch (thrown) {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
      await forgetUpload(context, key, kept);
      if (bytes instanceof Blob) return;
      throw createRestartError();
    }
    shownAttachment = attachment;
    const { ticket: _, until: __, ...rest } = kept.value;
    await saveUploadStep(context, key, kept, { ...rest, step: "confirmed" });
  }

  async function finishAttached(kept: StoredValue<KeptUpload>): Promise<AttachedFile> {
    const sent = sha256 !== undefined;
    const storedHash = kept.value.sha256 ?? file.sha256;
    const content = sha256 ?? (await hashStream(deps, bytes.stream()));
    if (file.sha256 !== undefined && content !== file.sha256) throw createHashMismatchError(content, file.sha256);
    if (storedHash !== undefined && content !== storedHash) throw createExistingContentError(storedHash);
    return { kept, key, sha256: content, sent, leftBehind };
  }

  /** Whether Plane shows it: only what was confirmed, and nobody has deleted since. */
  async function isShown(attachment: string | undefined): Promise<boolean> {
    if (attachment !== undefined && attachment === shownAttachment) return true;
    const { data } = await plane.call(attachmentsApi.list, { params });
    if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded)) return false;
    shownAttachment = attachment;
    return true;
  }

  async function dropUpload(kept: StoredValue<KeptUpload>, attachment: string): Promise<void> {
    if (await forgetUpload(context, key, kept)) await discard(attachment);
  }

  async function discard(attachment: string): Promise<boolean> {
    await prove();
    const isRemoved = await removePartialUpload(deps, plane, { ...params, attachment });
    if (!isRemoved) leftBehind.push(attachment);
    return isRemoved;
  }

  function createExistingContentError(storedHash: string): GroundcrewError {
    return new GroundcrewError(
      "conflict",
      `Another ${file.name} of the same size was delivered a moment ago (SHA-256 ${storedHash}). If this is a new one, ` +
        "give its SHA-256 with it (sha256=…), or another name.",
    );
  }
}

/**
 * How long a ticket may be used, by Plane's clock alone: its own end against its own time of answering, less a minute.
 * Ten minutes where it does not tell; Plane's are good for an hour.
 */
function getTicketLifetime({ fields }: UploadTicket["upload_data"], answeredAt: string): Ms {
  const end = /"expiration":\s*"([^"]+)"/.exec(decodeBase64(fields["policy"] ?? ""))?.[1] ?? "";
  const lifetime = Date.parse(end) - Date.parse(answeredAt);
  return Number.isFinite(lifetime) ? Math.max(lifetime - TICKET_MARGIN_MS, lifetime / 2) : 10 * MINUTE;
}

function decodeBase64(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

function createRestartError(): PlaneUnavailableError {
  const message = "What this upload had begun in Plane was over before it was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
}

function createHashMismatchError(received: string, announced: string): GroundcrewError {
  const message = `The file that came has SHA-256 ${received}, not ${announced} as announced: nothing was kept. Send it again.`;
  return new GroundcrewError("bad_request", message);
}
