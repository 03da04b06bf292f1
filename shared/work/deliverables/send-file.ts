import { GroundcrewError } from "../../errors.ts";
import type { UploadTicket } from "../../plane/attachments.ts";
import { PlaneError, PlaneInvalidError, PlaneUnavailableError } from "../../plane/errors.ts";
import { withRetries } from "../../plane/retry.ts";
import { type UploadSource, uploadFile } from "../../plane/upload.ts";
import type { CallContext, WorkDeps } from "../context/call-context.ts";

/** How a sending ended: with the content's SHA-256, or why the ticket is of no more use. */
export type SendFileResult = { sha256: string } | { refused: "ticket" | "size" };

/** The pauses before a file that can be read again is sent again (OPENCLAW-15: 1, 5, 15 s). */
const DELAYS = [1_000, 5_000, 15_000];

/** Sends the bytes to the storage and hashes them on their way; `before` runs right before each sending. */
export async function sendFile(
  { deps }: CallContext,
  ticket: UploadTicket["upload_data"],
  file: Blob | UploadSource,
  before: () => Promise<void>,
): Promise<SendFileResult> {
  const repeatable = file instanceof Blob;
  const { wait, log } = deps;
  const retries = { operation: "attachments_upload", repeatable, delays: DELAYS, maxWait: 10_000, wait, log };
  try {
    return await withRetries(retries, async () => {
      await before();
      const hash = deps.hashing.sha256();
      await uploadFile(deps, { upload_data: ticket }, hashWhileReading(file, hash.update));
      return { sha256: hash.hex() };
    });
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError) || thrown.status === undefined) throw toSendError(thrown);
    if (thrown.status === 413 || /EntityTooLarge/.test(thrown.message)) return { refused: "size" };
    if (thrown.status === 403) return { refused: "ticket" };
    throw thrown;
  }
}

/** Reads to the end what need not be sent: a sender that may not finish does not hear the answer. */
export async function hashStream(
  { hashing }: Pick<WorkDeps, "hashing">,
  file: ReadableStream<Uint8Array>,
): Promise<string> {
  const hash = hashing.sha256();
  for await (const piece of file) hash.update(piece);
  return hash.hex();
}

function hashWhileReading(file: Blob | UploadSource, update: (piece: Uint8Array) => void): UploadSource {
  const through = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      update(piece);
      controller.enqueue(piece);
    },
  });
  return { size: file.size, stream: () => file.stream().pipeThrough(through) };
}

/** What came was not what was announced, or did not come: the sender's side of it. */
function toSendError(thrown: unknown): unknown {
  if (thrown instanceof PlaneInvalidError)
    return new GroundcrewError("bad_request", `${thrown.message} Send it again.`);
  if (thrown instanceof PlaneError || thrown instanceof GroundcrewError) return thrown;
  const about = { operation: "attachments_upload" };
  return new PlaneUnavailableError(about, "The file's bytes broke off before its end. Send it again.");
}
