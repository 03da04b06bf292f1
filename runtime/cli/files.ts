/**
 * Files of a tool call: an upload is read only below the current folder and through no link, a download never replaces
 * a file.
 */

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat, unlink } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import { findErrorCode, GroundcrewError } from "../../shared/errors.ts";
import { localizeFileSize } from "../../shared/i18n/localize.ts";
import { checkFileName, isUrl } from "../../shared/tasks/deliverables/file-check.ts";
import type { ApiClient } from "./api-client.ts";
import { defineField, type ToolSpec } from "./options.ts";
import { CommandError, createUsageError, EXIT } from "./output.ts";

/** The tool whose option `file` is the path of a local file instead of its content. */
const UPLOAD_TOOL = "upload_deliverable";

/** Limit of the URL's query in characters: common proxies accept 8 KB of request line and headers. */
const MAX_QUERY_LENGTH = 7_000;

const BELOW = "below the current folder are read";

/** The tool that has the additional option `output` on the command line. */
const DOWNLOAD_TOOL = "download_deliverable";

type Transfer = (client: ApiClient, folder: string, input: Record<string, unknown>) => Promise<unknown>;

/** The tools that read or write a file below the folder. */
export const FILE_TOOLS: Readonly<Record<string, Transfer>> = {
  [UPLOAD_TOOL]: uploadLocalFile,
  [DOWNLOAD_TOOL]: (client, folder, input) =>
    input["output"] === undefined ? client.call(DOWNLOAD_TOOL, input) : downloadToFile(client, folder, input),
};

/** Adapts these tools to the command line, where `file` and `output` are local paths; other tools are unchanged. */
export function adaptFileSpec(spec: ToolSpec): ToolSpec {
  if (spec.name === DOWNLOAD_TOOL) {
    const output = defineField("output", "write the file here, below the current folder, in place of printing it");
    return { ...spec, fields: [...spec.fields, output] };
  }
  if (spec.name !== UPLOAD_TOOL) return spec;
  const fields = spec.fields.map((field) => {
    if (field.name === "file") return { ...field, description: "a file below the current folder" };
    return field.name === "name" ? { ...field, required: false, description: "its name in Plane" } : field;
  });
  return { ...spec, description: "Attach a file to your task and link it in a comment.", fields };
}

/** Uploads a local file as a stream. It is hashed first, so that repeating the command is recognised as the same upload. */
async function uploadLocalFile(...[client, folder, input]: Parameters<Transfer>): Promise<unknown> {
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

/**
 * Downloads a file of any size as a stream into a new file below the folder. Existing files are not replaced, and an
 * incomplete file is removed.
 */
async function downloadToFile(...[client, folder, input]: Parameters<Transfer>) {
  const { task, name, output } = input;
  if (typeof task !== "string" || typeof name !== "string" || typeof output !== "string")
    throw createUsageError(`${DOWNLOAD_TOOL} needs --task, --name and --output.`);
  const path = await resolveBelow(folder, output);
  const body = await client.download(new URLSearchParams({ task, name }));
  const file = await createNewFile(path, output);
  let size = 0;
  try {
    for await (const piece of body) {
      await file.writeFile(piece);
      size += piece.byteLength;
    }
  } catch {
    await unlink(path);
    throw new CommandError(EXIT.later, "The file was received incompletely. Repeat the command.", {
      code: "unreachable",
    });
  } finally {
    await file.close();
  }
  return { task, name, output, size };
}

/** Returns the path of a new file in an existing folder below `folder`, also after its symbolic links. */
async function resolveBelow(folder: string, output: string): Promise<string> {
  if (output.includes("\0")) throw createUsageError("--output contains a NUL character.");
  const root = await realpath(folder);
  const wanted = resolve(root, output);
  const parent = await realpath(dirname(wanted)).catch(() => {
    throw createUsageError(`The folder of ${output} does not exist.`);
  });
  const path = join(parent, basename(wanted));
  if (!isBelow(relative(root, path)))
    throw createUsageError(`${output} is not below ${root}: files are only written below the current folder.`);
  return path;
}

/** Whether a path that is relative to a folder leads to something in it. */
function isBelow(path: string): boolean {
  return path !== "" && path !== ".." && !/^\.\.[\\/]/.test(path) && !isAbsolute(path);
}

async function createNewFile(path: string, output: string): Promise<FileHandle> {
  return open(path, "wx", 0o600).catch((thrown: unknown) => {
    const code = findErrorCode(thrown) ?? "it cannot be written";
    throw createUsageError(
      code === "EEXIST" ? `${output} exists already; give another name.` : `${output} cannot be written (${code}).`,
    );
  });
}

/**
 * Opens a regular file below the folder; refuses symbolic and hard links. The checks apply to the open file, so it
 * cannot be replaced between check and reading.
 */
async function openFileBelow(folder: string, input: string) {
  if (isUrl(input)) throw createUsageError(`--file is a URL, and URLs are not fetched: give a file below ${folder}.`);
  if (input.includes("\0")) throw createUsageError("--file contains a NUL character.");
  const root = await realpath(folder);
  const path = relative(root, resolve(root, input));
  if (!isBelow(path)) throw createUsageError(`${input} is not below ${root}: only files ${BELOW}.`);
  const absolutePath = join(root, path);
  const file = await openWithoutLinks(absolutePath, input);
  try {
    const [fileStats, pathStats] = [await file.stat(), await stat(absolutePath)];
    const realPath = await realpath(absolutePath);
    if (!fileStats.isFile()) throw createUsageError(`${input} is not a regular file.`);
    if (realPath !== absolutePath || pathStats.ino !== fileStats.ino || pathStats.dev !== fileStats.dev)
      throw createUsageError(`${input} leads through a symbolic link: only real files ${BELOW}.`);
    if (fileStats.nlink > 1)
      throw createUsageError(`${input} is a hard link: the same file has another name elsewhere. Copy it first.`);
    return { file, name: basename(absolutePath), size: fileStats.size };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

async function openWithoutLinks(path: string, input: string): Promise<FileHandle> {
  // O_NONBLOCK, because opening a named pipe would otherwise wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return open(path, flags).catch((thrown: unknown) => {
    const code = findErrorCode(thrown) ?? "it cannot be read";
    if (code === "ELOOP" || code === "EMLINK")
      throw createUsageError(`${input} is a symbolic link: only real files ${BELOW}.`);
    throw createUsageError(code === "ENOENT" ? `File ${input} does not exist.` : `${input} cannot be read (${code}).`);
  });
}
