import { GroundcrewError } from "../../errors.ts";
import type { UploadTicket } from "../../plane/attachments.ts";
import { PlaneError, PlaneInvalidError, PlaneUnavailableError } from "../../plane/errors.ts";
import { withRetries } from "../../plane/retry.ts";
import { type UploadSource, uploadFile } from "../../plane/upload.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";
import { trackUpload } from "./upload-progress.ts";

/** The result of sending a file: the content's SHA-256, or why the storage refused it. */
export type SendFileResult = { sha256: string } | { refused: "ticket" | "size" };

/** Intervals between attempts to send a file that can be read again (OPENCLAW-15: 1, 5, 15 s). */
const DELAYS = [1_000, 5_000, 15_000];

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

/** Hashes a stream and reads it to its end: a client sees the answer only once it has sent its whole body. */
export async function hashStream(
  { hashing }: Pick<WorkDeps, "hashing">,
  file: ReadableStream<Uint8Array>,
): Promise<string> {
  const hash = hashing.sha256();
  for await (const piece of file) hash.update(piece);
  return hash.hex();
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
