import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { GroundcrewError } from "../../shared/errors.ts";
import { localizeFileSize } from "../../shared/i18n/localize.ts";
import { checkFileName } from "../../shared/work/deliverables/check-file.ts";
import type { ApiClient } from "./api-client.ts";
import { CommandError, createUsageError, EXIT } from "./command-error.ts";
import { openFileBelow } from "./open-file.ts";
import type { ToolSpec } from "./tool-specs.ts";

/** The tool whose option `file` is the path of a local file instead of its content. */
export const UPLOAD_TOOL = "upload_deliverable";

/** Limit of the URL's query in characters: common proxies accept 8 KB of request line and headers. */
const MAX_QUERY_LENGTH = 7_000;

/** Adapts the upload tool to the command line, where `file` is a local path; other tools are unchanged. */
export function adaptUploadSpec(spec: ToolSpec): ToolSpec {
  if (spec.name !== UPLOAD_TOOL) return spec;
  const fields = spec.fields.map((field) => {
    if (field.name === "file") return { ...field, description: "a file below the current folder" };
    return field.name === "name" ? { ...field, required: false, description: "its name in Plane" } : field;
  });
  return { ...spec, description: "Attach a file to your task and link it in a comment.", fields };
}

/** Uploads a local file as a stream. It is hashed first, so that repeating the command is recognised as the same upload. */
export async function uploadLocalFile(
  client: ApiClient,
  folder: string,
  input: Record<string, unknown>,
): Promise<unknown> {
  const { task, file: path, name, text } = input;
  if (typeof task !== "string" || typeof path !== "string")
    throw createUsageError(`${UPLOAD_TOOL} needs --task and --file.`);
  const { file, name: localName, size } = await openFileBelow(folder, path);
  try {
    const fileName = toFileName(typeof name === "string" ? name : localName);
    const { max_bytes } = await client.limits();
    if (size > max_bytes)
      throw new CommandError(
        EXIT.failed,
        `${path} has ${size} bytes; at most ${max_bytes} (${localizeFileSize("en", max_bytes)}) are allowed by Groundcrew and Plane ` +
          "(FILE_SIZE_LIMIT of Plane's server).",
        { code: "too_large" },
      );
    const hash = createHash("sha256");
    for await (const chunk of file.createReadStream({ start: 0, autoClose: false })) hash.update(chunk);
    const query = new URLSearchParams({ task, name: fileName, sha256: hash.digest("hex") });
    if (typeof text === "string") query.set("text", text);
    // The text is sent in the URL's query, and proxies may cut or refuse longer URLs.
    if (query.toString().length > MAX_QUERY_LENGTH)
      throw createUsageError("--text is too long for an upload: upload the file, and send the text with add_comment.");
    // `end` is the last byte to send, so that a file that grows meanwhile is sent with its original size.
    const bytes = size === 0 ? Readable.from([]) : file.createReadStream({ start: 0, end: size - 1, autoClose: false });
    return await client.upload(query, size, Readable.toWeb(bytes) as ReadableStream<Uint8Array>);
  } finally {
    await file.close();
  }
}

function toFileName(name: string): string {
  try {
    return checkFileName(name);
  } catch (thrown) {
    throw thrown instanceof GroundcrewError ? createUsageError(thrown.message) : thrown;
  }
}
