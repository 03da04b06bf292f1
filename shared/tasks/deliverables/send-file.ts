/** Streams a file to the storage, hashes it on the way, and records for the page how far it is. */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError, getErrorMessage } from "../../errors.ts";
import { type UploadSource, type UploadTicket, uploadFile } from "../../plane/attachments.ts";
import { withRetries } from "../../plane/client.ts";
import { PlaneError, PlaneInvalidError, PlaneUnavailableError } from "../../plane/errors.ts";
import { workKeys, workSets } from "../../records/store-keys.ts";
import { readAllRows } from "../../store/records.ts";
import { MINUTE, type Ms, SECOND } from "../../time.ts";
import type { CallContext } from "../call-context.ts";

/** The result of sending a file: the content's SHA-256, or why the storage refused it. */
type SendFileResult = { sha256: string } | { refused: "ticket" | "size" };

/** How far a running upload of a deliverable is, for people. Sizes are in bytes. */
export interface UploadProgress {
  /** `ONB-12` */
  task: string;
  name: string;
  agent: string;
  /** Bytes that were received from the agent and passed on to Plane's storage. */
  sent: number;
  size: number;
  /** Our time of the first byte. */
  at: Ms;
}

/** Intervals between attempts to send a file that can be read again (OPENCLAW-15: 1, 5, 15 s). */
const DELAYS = [1_000, 5_000, 15_000];

/** Interval between two records of an upload's progress: 1 s. An upload that takes less is not recorded at all. */
const RECORD_INTERVAL_MS: Ms = SECOND;

/** Retention of a record that is not renewed: 2 min, because a transfer without data ends after 30 s. */
const KEPT_MS: Ms = 2 * MINUTE;

/**
 * Streams a file to the storage and hashes it on the way; `beforeSend` runs right before each attempt, and `upload` is
 * what the page shows meanwhile.
 */
export async function sendFile(
  { deps }: CallContext,
  ticket: UploadTicket["upload_data"],
  file: Blob | UploadSource,
  { beforeSend, upload }: { beforeSend: () => Promise<void>; upload: Parameters<typeof trackUpload>[1] },
): Promise<SendFileResult> {
  const repeatable = file instanceof Blob;
  const { wait, log } = deps;
  const retries = { operation: "attachments_upload", repeatable, delays: DELAYS, maxWait: 10_000, wait, log };
  try {
    return await withRetries(retries, async () => {
      await beforeSend();
      const hash = deps.hashing.sha256();
      const progress = trackUpload(deps, upload, deps.newId());
      const readPiece = (piece: Uint8Array) => {
        hash.update(piece);
        return progress.record(piece.length);
      };
      try {
        await uploadFile(deps, { upload_data: ticket }, whileReading(file, readPiece));
      } finally {
        await progress.end();
      }
      return { sha256: hash.hex() };
    });
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.status === undefined) throw toSendError(thrown);
    if (thrown.status === 413 || /EntityTooLarge/.test(thrown.message)) return { refused: "size" };
    if (thrown.status === 403) return { refused: "ticket" };
    throw thrown;
  }
}

function whileReading(file: Blob | UploadSource, readPiece: (piece: Uint8Array) => Promise<void>): UploadSource {
  const through = new TransformStream<Uint8Array, Uint8Array>({
    async transform(piece, controller) {
      await readPiece(piece);
      controller.enqueue(piece);
    },
  });
  return { size: file.size, stream: () => file.stream().pipeThrough(through) };
}

/** Converts an error of the sender's side: the bytes differ from what was announced, or ended early. */
function toSendError(thrown: unknown): unknown {
  if (thrown instanceof PlaneInvalidError)
    return new GroundcrewError("bad_request", `${thrown.message} Send it again.`);
  if (thrown instanceof PlaneError || thrown instanceof GroundcrewError) return thrown;
  const details = { operation: "attachments_upload" };
  return new PlaneUnavailableError(details, "The file was received incompletely. Send it again.");
}

/** Hashes a stream and reads it to its end: a client sees the answer only once it has sent its whole body. */
export async function hashStream(
  { hashing }: Pick<TaskDeps, "hashing">,
  file: ReadableStream<Uint8Array>,
): Promise<string> {
  const hash = hashing.sha256();
  for await (const piece of file) hash.update(piece);
  return hash.hex();
}

/** Reads the running uploads of all processes, the oldest first. */
export async function readUploads(deps: Pick<TaskDeps, "store">): Promise<UploadProgress[]> {
  const rows = await readAllRows<UploadProgress>(deps, workSets.uploads);
  return rows.map(({ value }) => value).sort((a, b) => a.at - b.at);
}

/**
 * Creates what records the progress of one upload for the page: call `record` with the size of each piece, and `end`
 * whatever the result is. A store that cannot be written does not disturb the upload.
 */
export function trackUpload(
  deps: Pick<TaskDeps, "store" | "clock" | "log">,
  upload: Omit<UploadProgress, "sent" | "at">,
  id: string,
): { record: (bytes: number) => Promise<void>; end: () => Promise<void> } {
  const key = workKeys.uploadProgress(id);
  let sent = 0;
  const startedAt = deps.clock();
  let recordedAt = startedAt;
  let isRecorded = false;

  async function save(value: UploadProgress | undefined) {
    const put = value ? { key, value, sets: [workSets.uploads], expires: KEPT_MS } : { key, value };
    await deps.store.commit({ put: [put] }).catch((thrown: unknown) => {
      deps.log.warn("upload progress not recorded", { error: getErrorMessage(thrown) });
    });
  }

  return {
    async record(bytes) {
      sent += bytes;
      const now = deps.clock();
      if (Math.abs(now - recordedAt) < RECORD_INTERVAL_MS) return;
      recordedAt = now;
      isRecorded = true;
      await save({ ...upload, sent: Math.min(sent, upload.size), at: startedAt });
    },
    async end() {
      if (isRecorded) await save(undefined);
    },
  };
}
