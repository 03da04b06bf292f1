/** Which files may be delivered: their names, sizes and types, and the refusals that say what is allowed. */

import type { TaskDeps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { localizeFileSize } from "../../i18n/localize.ts";
import type { UploadSource } from "../../plane/attachments.ts";
import { instanceApi } from "../../plane/projects.ts";
import { isRecent, MINUTE, type Ms } from "../../time.ts";

/** A file that an agent delivers. */
export interface NewDeliverable {
  task: string;
  name: string;
  /** A Blob can be read more than once; a stream cannot. */
  file: Blob | UploadSource;
  /** The content type given by the sender, used for names without an extension. */
  type?: string | undefined;
  /** 64 hex characters, if the sender knows them. With it the call is idempotent without a time limit. */
  sha256?: string | undefined;
  /** Markdown for the comment, shown with the link. */
  text?: string | undefined;
}

/** The limit of a file in bytes, and Plane's own limit. */
interface FileSizeLimit {
  bytes: number;
  plane: number;
}

/** Limit of a file in bytes (OPENCLAW-07), also where Plane's own limit is higher. */
const MAX_FILE_BYTES = 50 * 2 ** 20;

/** Limit of a file name in bytes, as in common file systems. */
const MAX_NAME_BYTES = 255;

/**
 * Retention of Plane's cached limit: 10 min. It is a setting of Plane's server, so a change takes that long to be seen.
 */
const LIMIT_CACHE_MS: Ms = 10 * MINUTE;

const LIMIT_KEY = "plane:file_size_limit";

/** Limit of a path in UTF-16 units: 1,024, the shortest limit of common systems. A longer text is content. */
const MAX_PATH_LENGTH = 1_024;

/**
 * Beginnings that base64 never has (`~`, `.`, `C:`, `\\server`), and a path that could be base64 too: its first folder is
 * in lower case or one of macOS, because the base64 of some formats also begins with a slash, as `/9j/` (JPEG).
 */
const FILE_PATH =
  /^(?:~|\.|[A-Za-z]:|\\|\/(?:[a-z]+|Applications|Library|System|Users|Volumes)(?:[/._-]|$)|[a-z]{2,}(?:\/[a-z]{2,})+$)/;

/**
 * The content types that Plane accepts (`ATTACHMENT_MIME_TYPES` in its source, the same in v1.2.2 and v1.3.1), with
 * their file extensions. Text formats without a type of their own are declared as plain text.
 */
const BY_TYPE: Record<string, string> = {
  "application/gzip": "gz tgz",
  "application/json": "json ipynb",
  "application/msword": "doc",
  "application/octet-stream": "bin obj",
  "application/pdf": "pdf",
  "application/rtf": "rtf",
  "application/vnd.ms-excel": "xls",
  "application/vnd.ms-powerpoint": "ppt",
  "application/vnd.oasis.opendocument.database": "odb",
  "application/vnd.oasis.opendocument.graphics": "odg",
  "application/vnd.oasis.opendocument.presentation": "odp",
  "application/vnd.oasis.opendocument.spreadsheet": "ods",
  "application/vnd.oasis.opendocument.text": "odt",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.visio": "vsd",
  "application/x-7z-compressed": "7z",
  "application/x-rar-compressed": "rar",
  "application/x-sql": "sql",
  "application/x-tar": "tar",
  "application/xml": "xml",
  "application/zip": "zip",
  "audio/aac": "aac",
  "audio/flac": "flac",
  "audio/midi": "mid midi",
  "audio/mpeg": "mp3",
  "audio/ogg": "ogg oga",
  "audio/wav": "wav",
  "audio/x-m4a": "m4a",
  "font/otf": "otf",
  "font/ttf": "ttf",
  "font/woff": "woff",
  "font/woff2": "woff2",
  "image/bmp": "bmp",
  "image/gif": "gif",
  "image/jpeg": "jpg jpeg",
  "image/png": "png",
  "image/svg+xml": "svg",
  "image/tiff": "tif tiff",
  "image/webp": "webp",
  "image/x-portable-bitmap": "pbm",
  "image/x-portable-graymap": "pgm",
  "image/x-portable-pixmap": "ppm",
  "model/gltf+json": "gltf",
  "model/gltf-binary": "glb",
  "text/css": "css",
  "text/csv": "csv",
  "text/javascript": "js mjs",
  "text/markdown": "md markdown",
  "text/plain":
    "txt log diff patch html htm yaml yml toml ini tsv jsonl py ts tsx jsx sh rb go rs java kt c h cpp cs php lua r tex",
  "video/mp4": "mp4",
  "video/mpeg": "mpeg mpg",
  "video/ogg": "ogv",
  "video/quicktime": "mov",
  "video/webm": "webm",
  "video/x-ms-wmv": "wmv",
  "video/x-msvideo": "avi",
};

/** The content type to declare for each extension, sorted by extension. */
export const FILE_TYPES: Record<string, string> = Object.fromEntries(
  Object.entries(BY_TYPE)
    .flatMap(([type, extensions]) => extensions.split(" ").map((extension) => [extension, type] as const))
    .sort(([a], [b]) => (a < b ? -1 : 1)),
);

/** Returns the name in Unicode's composed form. Throws `bad_request` unless it is a plain file name. */
export function checkFileName(rawName: string): string {
  const name = rawName.normalize("NFC");
  const problem = findNameProblem(name);
  if (problem === undefined) return name;
  throw new GroundcrewError("bad_request", `name ${problem}. Give a plain file name, such as report.pdf.`);
}

function findNameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (isUrl(name)) return "is a URL, and URLs are not fetched: send the file's bytes";
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name))
    return "contains control, direction or other invisible characters";
  if (/^[/\\]|^[A-Za-z]:/.test(name)) return "is an absolute path";
  if (/[/\\]/.test(name)) return "contains a path separator";
  if (name.startsWith(".")) return "starts with a dot";
  if (name !== name.trim()) return "starts or ends with a space";
  const bytes = new TextEncoder().encode(name).length;
  return bytes > MAX_NAME_BYTES ? `is ${bytes} bytes long; the limit is ${MAX_NAME_BYTES}` : undefined;
}

/**
 * Returns the content type to declare to Plane: by the extension, else the declared one. Throws `unsupported_type` with
 * the allowed extensions.
 */
export function checkFileType(name: string, declaredType: string | undefined): string {
  const [, extension] = /\.([^.]*)$/.exec(name) ?? [];
  const declared = declaredType?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (extension === undefined && Object.hasOwn(BY_TYPE, declared)) return declared;
  const type = new Map(Object.entries(FILE_TYPES)).get(extension?.toLowerCase() ?? "");
  if (type !== undefined) return type;
  throw createUnsupportedTypeError(`Plane does not accept files such as ${name}.`);
}

/** Throws `bad_request` for an empty file and `too_large` above the limit. */
export async function checkFileSize(deps: TaskDeps, size: number): Promise<void> {
  if (size === 0) throw new GroundcrewError("bad_request", "The file is empty, and Plane does not store empty files.");
  const limit = await readFileSizeLimit(deps);
  if (size > limit.bytes) throw createTooLargeError(size, limit);
}

/** Reads the current limit of a file: Plane's limit (cached for 10 min), at most 50 MB. */
export async function readFileSizeLimit(deps: Pick<TaskDeps, "cache" | "clock" | "plane">): Promise<FileSizeLimit> {
  const { cache, clock, plane } = deps;
  const cached = await cache.getItem<{ plane: number; at: Ms }>(LIMIT_KEY);
  if (cached && isRecent(cached.at, LIMIT_CACHE_MS, clock())) return toSizeLimit(cached.plane);
  const { data } = await plane.call(instanceApi.info, { priority: "interactive" });
  await cache.setItem(LIMIT_KEY, { plane: data.config.file_size_limit, at: clock() });
  return toSizeLimit(data.config.file_size_limit);
}

const toSizeLimit = (plane: number): FileSizeLimit => ({ bytes: Math.min(plane, MAX_FILE_BYTES), plane });

/** The refusal of a file of this size, with whose limit it exceeds. */
export function createTooLargeError(size: number, { bytes, plane }: FileSizeLimit): GroundcrewError {
  const isPlane = plane < MAX_FILE_BYTES;
  const owner = isPlane
    ? "Plane's limit (FILE_SIZE_LIMIT of its server; people who run it can raise it)"
    : "the limit of Groundcrew";
  const allowed = `at most ${bytes} (${localizeFileSize("en", bytes)}) are allowed: ${owner}.`;
  return new GroundcrewError("too_large", `The file has ${size} bytes; ${allowed}`);
}

/** The refusal of a content type, with the allowed extensions. */
export function createUnsupportedTypeError(problem: string): GroundcrewError {
  return new GroundcrewError(
    "unsupported_type",
    `${problem} Allowed extensions: ${Object.keys(FILE_TYPES).join(", ")}. Pack other files into a .zip.`,
  );
}

/** Whether a text is a URL: `http://…`, `file:…`, `data:…`, `//host/…`. */
export function isUrl(text: string): boolean {
  return /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|\/\/|(?:data|file|blob|mailto|javascript|about):)/i.test(text);
}

/** Whether a text is the path of a file and not its content: `/etc/passwd`, `~/x`, `./x`, `C:\x`, `docs/report`. */
export function isFilePath(text: string): boolean {
  const path = text.trim();
  return path.length <= MAX_PATH_LENGTH && FILE_PATH.test(path);
}
