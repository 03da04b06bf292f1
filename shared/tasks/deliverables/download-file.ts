/** Reads a file of a task: text as text, other content as base64, large files by an address. */

import { GroundcrewError } from "../../errors.ts";
import { encodeBase64 } from "../../hashing.ts";
import { attachmentsApi, createDownloadError, openDownload, type PlaneAttachment } from "../../plane/attachments.ts";
import { PlaneError } from "../../plane/errors.ts";
import type { Task } from "../../records/plane-records.ts";
import { cleanLine } from "../../text.ts";
import type { Ms } from "../../time.ts";
import { requireReader } from "../access.ts";
import type { CallContext } from "../call-context.ts";
import { findTask } from "../find-task.ts";

/** Limit of names in the refusal of an unknown name. */
const MAX_NAMES = 20;

/** Limit of a file in an answer in bytes: the whole answer is held in memory. Larger files are streamed. */
const MAX_INLINE_BYTES = 2 ** 20;

/** Timeout for reading a file into an answer: 30 s, as for any request to Plane. */
const TRANSFER_MS: Ms = 30_000;

/** Limit of a text in an answer in characters: about 10,000 tokens of a model. */
const MAX_TEXT_LENGTH = 40_000;

/** Limit of other files in an answer in bytes, because a model reads base64 as text. */
const MAX_BINARY_BYTES = 64 * 2 ** 10;

/**
 * Finds the newest file of this name on a task, with one request to Plane; `open` opens it in Plane's storage. `type`
 * is the one that the sender declared. Allowed for those who may read the task's details. Throws `not_found` with the
 * names that there are.
 */
export async function findAttachment(context: CallContext, reference: string, name: string) {
  const task = await findTask(context, reference);
  await requireReader(context, task);
  const params = { project: task.project.id, item: task.id };
  const { data } = await context.systemPlane.call(attachmentsApi.list, { params });
  const files = data.filter((file) => file.is_uploaded).sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  const wanted = name.normalize("NFC");
  const file = files.find(({ attributes }) => attributes.name.normalize("NFC") === wanted);
  if (!file) throw createFileNotFoundError(task, name, files);
  const { attributes, id: attachment } = file;
  return {
    task: task.key,
    name: attributes.name,
    type: attributes.type,
    size: attributes.size,
    async open(signal?: AbortSignal) {
      const { data: redirect } = await context.systemPlane.call(attachmentsApi.get, {
        params: { ...params, attachment },
      });
      return openDownload(context.deps, redirect.location, attributes.size, signal);
    },
  };
}

function createFileNotFoundError({ key }: Task, name: string, files: readonly PlaneAttachment[]): GroundcrewError {
  const names = [...new Set(files.map(({ attributes }) => cleanLine(attributes.name, 100)))].slice(0, MAX_NAMES);
  const available = names.length > 0 ? `Its files are: ${names.join(", ")}.` : "It has no files.";
  return new GroundcrewError("not_found", `${key} has no file "${cleanLine(name, 100)}". ${available}`);
}

/**
 * Reads a file of a task: text as text, other content as base64. Throws `too_large` for a file that does not fit an
 * answer, with the way to stream it.
 */
export async function downloadFile(context: CallContext, task: string, name: string) {
  const { open, ...file } = await findAttachment(context, task, name);
  const { size } = file;
  if (size > MAX_INLINE_BYTES) throw createTooLargeError(size, MAX_INLINE_BYTES);
  const bytes = await readBytes(open);
  const text = decodeText(bytes);
  if (text !== undefined) {
    const leftOut = text.length - MAX_TEXT_LENGTH;
    if (leftOut <= 0) return { ...file, text };
    return { ...file, text: text.slice(0, MAX_TEXT_LENGTH).toWellFormed(), left_out: leftOut };
  }
  if (bytes.length > MAX_BINARY_BYTES) throw createTooLargeError(bytes.length, MAX_BINARY_BYTES);
  return { ...file, file: encodeBase64(bytes) };
}

function createTooLargeError(size: number, limit: number): GroundcrewError {
  return new GroundcrewError(
    "too_large",
    `The file has ${size} bytes; an answer can contain at most ${limit}. Load it with the CLI ` +
      "(groundcrew download_deliverable --task ONB-12 --name report.pdf --output report.pdf) or " +
      "GET /agent/download_deliverable?task=ONB-12&name=report.pdf, which stream it.",
  );
}

async function readBytes(open: Awaited<ReturnType<typeof findAttachment>>["open"]): Promise<Uint8Array> {
  const body = await open(AbortSignal.timeout(TRANSFER_MS));
  try {
    return new Uint8Array(await new Response(body).arrayBuffer());
  } catch (thrown) {
    throw thrown instanceof PlaneError ? thrown : createDownloadError("the transfer was interrupted");
  }
}

/** Returns UTF-8 text; undefined when the bytes are not text. */
function decodeText(bytes: Uint8Array): string | undefined {
  if (bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
