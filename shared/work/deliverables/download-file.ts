import { GroundcrewError } from "../../errors.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { createDownloadError } from "../../plane/download.ts";
import { PlaneError } from "../../plane/errors.ts";
import type { Ms } from "../../time.ts";
import type { CallContext } from "../context/call-context.ts";
import { type FoundAttachment, findAttachment } from "./find-attachment.ts";

/** A file in an answer: its text, or its bytes in base64. */
export interface DownloadedFile {
  /** `ONB-12` */
  task: string;
  name: string;
  type: string;
  /** Bytes. */
  size: number;
  text?: string;
  /** The text continues: this many characters were left out. */
  left_out?: number;
  /** Base64 of a file that is not text. */
  file?: string;
}

/** Limit of a file in an answer in bytes: the whole answer is held in memory. Larger files are streamed. */
const MAX_INLINE_BYTES = 2 ** 20;
/** Timeout for reading a file into an answer: 30 s, as for any request to Plane. */
const TRANSFER_MS: Ms = 30_000;
/** Limit of a text in an answer in characters: about 10,000 tokens of a model. */
const MAX_TEXT_LENGTH = 40_000;
/** Limit of other files in an answer in bytes, because a model reads base64 as text. */
const MAX_BINARY_BYTES = 64 * 2 ** 10;

/**
 * Reads a file of a task: text as text, other content as base64. Throws `too_large` for a file that does not fit an
 * answer, with the way to stream it.
 */
export async function downloadFile(context: CallContext, task: string, name: string): Promise<DownloadedFile> {
  const found = await findAttachment(context, task, name);
  const { size, type } = found;
  const identity = { task: found.task, name: found.name, type, size };
  if (size > MAX_INLINE_BYTES) throw createTooLargeError(size, MAX_INLINE_BYTES);
  const bytes = await readBytes(found);
  const text = decodeText(bytes);
  if (text !== undefined) {
    const leftOut = text.length - MAX_TEXT_LENGTH;
    if (leftOut <= 0) return { ...identity, text };
    return {
      ...identity,
      text: text.slice(0, MAX_TEXT_LENGTH).toWellFormed(),
      ...omitUndefined({ left_out: leftOut }),
    };
  }
  if (bytes.length > MAX_BINARY_BYTES) throw createTooLargeError(bytes.length, MAX_BINARY_BYTES);
  return { ...identity, file: encodeBase64(bytes) };
}

async function readBytes(found: FoundAttachment): Promise<Uint8Array> {
  const body = await found.open(AbortSignal.timeout(TRANSFER_MS));
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

function encodeBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

function createTooLargeError(size: number, limit: number): GroundcrewError {
  return new GroundcrewError(
    "too_large",
    `The file has ${size} bytes; an answer can contain at most ${limit}. Load it with the CLI ` +
      "(groundcrew download_deliverable --task ONB-12 --name report.pdf --output report.pdf) or " +
      "GET /agent/download_deliverable?task=ONB-12&name=report.pdf, which stream it.",
  );
}
