import { MINUTE, type Ms } from "../time.ts";
import { PlaneUnavailableError, PlaneUnexpectedError } from "./errors.ts";
import type { PlaneRequestOptions } from "./request.ts";

const OPERATION = "attachments_download";

/** Timeout for the storage's first answer: 30 s, as for any request. */
const ANSWER_MS: Ms = 30_000;
/** Timeout for the whole transfer: 10 min, as for an upload. */
const TOTAL_MS: Ms = 10 * MINUTE;

/**
 * Opens a file in Plane's storage, with the address of `attachmentsApi.get`, and returns its bytes as a stream that
 * ends with an error after `limit` bytes. Does not send the API key, because the storage is another server, and follows
 * no redirect. Throws PlaneUnavailableError when the storage does not answer with the file.
 */
export async function openDownload(
  { fetch, metrics }: Pick<PlaneRequestOptions, "fetch" | "metrics">,
  url: string,
  limit: number,
  signal?: AbortSignal,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const answerTimeout = new AbortController();
  const timer = setTimeout(() => answerTimeout.abort(), ANSWER_MS);
  const signals = [answerTimeout.signal, AbortSignal.timeout(TOTAL_MS), ...(signal ? [signal] : [])];
  let status = "none";
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.any(signals) });
    status = String(response.status);
    if (response.status === 200 && response.body) return response.body.pipeThrough(createByteLimit(limit));
    await response.body?.cancel();
    throw createDownloadError(`it answered ${response.status}`);
  } catch (thrown) {
    // The address is a secret for an hour, so the error of fetch, which may contain it, is not passed on.
    throw thrown instanceof PlaneUnavailableError ? thrown : createDownloadError("it could not be reached");
  } finally {
    clearTimeout(timer);
    metrics.count("plane_api_calls_total", { operation: OPERATION, status });
  }
}

function createByteLimit(limit: number) {
  let size = 0;
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(piece, controller) {
      size += piece.byteLength;
      if (size > limit)
        controller.error(
          new PlaneUnexpectedError(
            { operation: OPERATION },
            `Plane's storage sent more than the ${limit} bytes that the file has according to Plane.`,
          ),
        );
      else controller.enqueue(piece);
    },
  });
}

/** The refusal when the storage did not send the whole file. */
export function createDownloadError(reason: string): PlaneUnavailableError {
  const message = `The file could not be read from Plane's storage: ${reason}. Call again later.`;
  return new PlaneUnavailableError({ operation: OPERATION }, message);
}
