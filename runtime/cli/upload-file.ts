import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { GroundcrewError } from "../../shared/errors.ts";
import { localizeFileSize } from "../../shared/i18n/localize.ts";
import { checkFileName } from "../../shared/work/deliverables/check-file.ts";
import type { ApiClient } from "./api-client.ts";
import { CommandError, createUsageError, EXIT } from "./command-error.ts";
import { openFileBelow } from "./open-file.ts";
import type { ToolSpec } from "./tool-specs.ts";

/** The tool whose `file` is a file here, not its content. */
export const UPLOAD_TOOL = "upload_deliverable";

/** Characters; with headers, 8 KB is what common proxies take. */
const MAX_QUERY_LENGTH = 7_000;

/** The tool as the command line has it. */
export function adaptUploadSpec(spec: ToolSpec): ToolSpec {
  if (spec.name !== UPLOAD_TOOL) return spec;
  const fields = spec.fields.map((field) => {
    if (field.name === "file") return { ...field, description: "a file below the current folder" };
    return field.name === "name" ? { ...field, required: false, description: "its name in Plane" } : field;
  });
  return { ...spec, description: "Attach a file to your task and link it in a comment.", fields };
}

/** Sends a file: hashed first, so that the same command again is the same upload, then streamed. */
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
    for await (const piece of file.createReadStream({ start: 0, autoClose: false })) hash.update(piece);
    const query = new URLSearchParams({ task, name: fileName, sha256: hash.digest("hex") });
    if (typeof text === "string") query.set("text", text);
    // It stands in the address, and what is between may cut off or refuse longer ones.
    if (query.toString().length > MAX_QUERY_LENGTH)
      throw createUsageError("--text is too long to go with a file: send the file, and say the rest with add_comment.");
    // `end` is the last byte: a file that grows meanwhile is sent as it was.
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
