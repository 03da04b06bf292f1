import { GroundcrewError } from "../errors.ts";
import { OUR_SOURCE } from "../observe/comments.ts";
import { attachments, type UploadTicket } from "../plane/attachments.ts";
import type { Answer } from "../plane/client.ts";
import { PlaneConflictError, PlaneInvalidError, PlaneNotFoundError, PlaneUnavailableError } from "../plane/errors.ts";
import type { Upload } from "../plane/upload.ts";
import type { Kept, Ms } from "../store/port.ts";
import type { Acting } from "./acting.ts";
import { removeHalf } from "./deliver-half.ts";
import { type Checked, forget, type KeptUpload, recordOf, stepTo, uploadHash } from "./deliver-record.ts";
import { readOnly, send } from "./deliver-send.ts";
import { limitChanged, storageLimit, tooLarge, unsupported } from "./deliverable.ts";
import type { Task } from "./find.ts";
import { workKeys } from "./keys.ts";

/** The steps of a call are bounded, whatever the other side answers; an ordinary one takes four. */
const STEPS = 20;
/** A ticket is not used in its last minute. */
const SPARE_MS: Ms = 60_000;

/** What a call ends with: the record, `confirmed` or `linked`, under its key. */
export interface Attached {
  kept: Kept<KeptUpload>;
  key: string;
  sha256: string;
  /** Whether this call sent the bytes, rather than found them there. */
  sent: boolean;
  /** Attachments that were begun, never finished, and could not be taken away again. */
  left: string[];
}

/**
 * Brings a file to Plane: create, upload, confirm, each kept before the next, so that the same call again goes on where
 * one was cut off and ends with one attachment. `prove` runs right before each write.
 */
export async function attach(
  acting: Acting,
  task: Task,
  file: Checked,
  bytes: Blob | Upload,
  prove: () => Promise<void>,
): Promise<Attached> {
  const { deps, plane } = acting;
  const at = { project: task.project.id, item: task.id };
  const hash = await uploadHash(acting, task, file);
  const key = workKeys.upload(task.id, hash);
  const left: string[] = [];
  /** Of what this call has sent. */
  let sha256: string | undefined;
  let shown: string | undefined;

  for (let step = 0; step < STEPS; step += 1) {
    const kept = await recordOf(acting, task, file, hash);
    const is = kept.value;
    switch (is.step) {
      case "begun":
        await create(kept);
        break;
      case "created":
        await sendOr(kept);
        break;
      case "sent":
        // Bytes nobody knew beforehand may be others this time: they are sent over those that are there.
        if (sha256 === undefined && file.sha256 === undefined) await sendOr(kept);
        else await confirm(kept);
        break;
      default:
        if (await isShown(is.attachment)) return found(kept);
        await forget(acting, key, kept);
    }
  }
  throw new PlaneUnavailableError(
    { operation: "attachments_create" },
    `${file.name} could not be brought to Plane: it kept refusing what it had just given. Try again in a minute.`,
  );

  async function create(kept: Kept<KeptUpload>): Promise<void> {
    const began = await deps.store.now();
    const { name, type, size } = file;
    const json = { name, type, size, external_source: OUR_SOURCE, external_id: kept.value.external };
    let made: Answer<UploadTicket>;
    try {
      made = await plane.call(attachments.create, { params: at, json, before: prove });
    } catch (thrown) {
      if (thrown instanceof PlaneConflictError && thrown.id !== undefined) return taken(kept, thrown.id);
      if (!(thrown instanceof PlaneInvalidError)) throw thrown;
      await forget(acting, key, kept);
      throw /invalid file type/i.test(thrown.message) ? unsupported(`Plane did not take ${name} as ${type}.`) : thrown;
    }
    const { asset_id: attachment, upload_data: ticket, attachment: row } = made.data;
    if (row.attributes.size < size) {
      await drop(kept, attachment);
      await limitChanged(deps);
      throw tooLarge(size, { bytes: row.attributes.size, plane: row.attributes.size });
    }
    const until = began + lifeOf(ticket, made.date);
    const next = { ...kept.value, step: "created" as const, name: row.attributes.name, attachment, ticket, until };
    // Another call may have been ahead; then what this one made is nobody's.
    if (!(await stepTo(acting, key, kept, next))) await discard(attachment);
  }

  /** Plane has one under our id: finished before our record was lost, or made by a call that was cut off right then. */
  async function taken(kept: Kept<KeptUpload>, attachment: string): Promise<void> {
    if (await isShown(attachment)) {
      await stepTo(acting, key, kept, { ...kept.value, step: "confirmed", attachment });
      return;
    }
    // Whoever keeps this may take it away: a call beside this one finds its own record changed.
    if (!(await stepTo(acting, key, kept, kept.value))) return;
    if (await discard(attachment)) return;
    const now = await recordOf(acting, task, file, hash);
    await stepTo(acting, key, now, { ...now.value, external: `${now.value.external}-again` });
  }

  async function sendOr(kept: Kept<KeptUpload>): Promise<void> {
    const { ticket, until = 0, attachment = "" } = kept.value;
    const spent = bytes instanceof Blob ? false : sha256 !== undefined;
    if (!ticket || (await deps.store.now()) >= until) return drop(kept, attachment);
    if (spent) throw again();
    const sent = await send(acting, ticket, bytes, prove);
    if ("refused" in sent) {
      await drop(kept, attachment);
      if (sent.refused === "size") throw await storageLimit(deps, file.size);
      if (bytes instanceof Blob) return;
      throw again();
    }
    sha256 = sent.sha256;
    if (file.sha256 !== undefined && sha256 !== file.sha256) {
      await drop(kept, attachment);
      throw otherContent(sha256, file.sha256);
    }
    await stepTo(acting, key, kept, { ...kept.value, step: "sent", sha256 });
  }

  async function confirm(kept: Kept<KeptUpload>): Promise<void> {
    const { attachment = "" } = kept.value;
    try {
      await plane.call(attachments.confirm, {
        params: { ...at, attachment },
        json: { is_uploaded: true },
        before: prove,
      });
    } catch (thrown) {
      if (!(thrown instanceof PlaneNotFoundError)) throw thrown;
      await forget(acting, key, kept);
      if (bytes instanceof Blob) return;
      throw again();
    }
    shown = attachment;
    const { ticket: _, until: __, ...rest } = kept.value;
    await stepTo(acting, key, kept, { ...rest, step: "confirmed" });
  }

  async function found(kept: Kept<KeptUpload>): Promise<Attached> {
    const sent = sha256 !== undefined;
    const there = kept.value.sha256 ?? file.sha256;
    const content = sha256 ?? (await readOnly(deps, bytes.stream()));
    if (file.sha256 !== undefined && content !== file.sha256) throw otherContent(content, file.sha256);
    if (there !== undefined && content !== there) throw otherThere(there);
    return { kept, key, sha256: content, sent, left };
  }

  /** Whether Plane shows it: only what was confirmed, and nobody has deleted since. */
  async function isShown(attachment: string | undefined): Promise<boolean> {
    if (attachment !== undefined && attachment === shown) return true;
    const { data } = await plane.call(attachments.list, { params: at });
    if (!data.some(({ id, is_uploaded }) => id === attachment && is_uploaded)) return false;
    shown = attachment;
    return true;
  }

  async function drop(kept: Kept<KeptUpload>, attachment: string): Promise<void> {
    if (await forget(acting, key, kept)) await discard(attachment);
  }

  async function discard(attachment: string): Promise<boolean> {
    await prove();
    const gone = await removeHalf(deps, plane, { ...at, attachment });
    if (!gone) left.push(attachment);
    return gone;
  }

  function otherThere(there: string): GroundcrewError {
    return new GroundcrewError(
      "conflict",
      `Another ${file.name} of the same size was delivered a moment ago (SHA-256 ${there}). If this is a new one, ` +
        "give its SHA-256 with it (sha256=…), or another name.",
    );
  }
}

/**
 * How long a ticket may be used, by Plane's clock alone: its own end against its own time of answering, less a minute.
 * Ten minutes where it does not tell; Plane's are good for an hour.
 */
function lifeOf({ fields }: UploadTicket["upload_data"], answered: string): Ms {
  const end = /"expiration":\s*"([^"]+)"/.exec(decoded(fields["policy"] ?? ""))?.[1] ?? "";
  const life = Date.parse(end) - Date.parse(answered);
  return Number.isFinite(life) ? Math.max(life - SPARE_MS, life / 2) : 600_000;
}

function decoded(base64: string): string {
  try {
    return atob(base64);
  } catch {
    return "";
  }
}

function again(): PlaneUnavailableError {
  const message = "What this upload had begun in Plane was over before it was finished. Send the file again.";
  return new PlaneUnavailableError({ operation: "attachments_upload" }, message);
}

function otherContent(came: string, announced: string): GroundcrewError {
  const message = `The file that came has SHA-256 ${came}, not ${announced} as announced: nothing was kept. Send it again.`;
  return new GroundcrewError("bad_request", message);
}
