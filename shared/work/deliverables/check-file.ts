import { GroundcrewError } from "../../errors.ts";
import { localizeFileSize } from "../../i18n/localize.ts";
import { instanceApi } from "../../plane/instance.ts";
import type { UploadSource } from "../../plane/upload.ts";
import { isRecent, MINUTE, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { FILE_TYPES, findFileType } from "./file-types.ts";

/** A file that an agent delivers. */
export interface NewDeliverable {
  task: string;
  name: string;
  /** A Blob can be read more than once; a stream cannot. */
  file: Blob | UploadSource;
  /** The content type given by the sender, used for names without an extension. */
  type?: string;
  /** 64 hex characters, if the sender knows them. With it the call is idempotent without a time limit. */
  sha256?: string;
  /** Markdown for the comment, shown with the link. */
  text?: string;
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

/** The limit of a file in bytes, and Plane's own limit. */
export interface FileSizeLimit {
  bytes: number;
  plane: number;
}

/** Reads the current limit of a file: Plane's limit (cached for 10 min), at most 50 MB. */
export async function readFileSizeLimit({
  cache,
  clock,
  plane,
}: Pick<WorkDeps, "cache" | "clock" | "plane">): Promise<FileSizeLimit> {
  const cached = await cache.getItem<{ plane: number; at: Ms }>(LIMIT_KEY);
  if (cached && isRecent(cached.at, LIMIT_CACHE_MS, clock())) return toSizeLimit(cached.plane);
  const { data } = await plane.call(instanceApi.info, { priority: "interactive" });
  await cache.setItem(LIMIT_KEY, { plane: data.config.file_size_limit, at: clock() });
  return toSizeLimit(data.config.file_size_limit);
}

/** Drops the cached limit after Plane has applied another one. */
export async function forgetFileSizeLimit({ cache }: Pick<WorkDeps, "cache">): Promise<void> {
  await cache.removeItem(LIMIT_KEY);
}

/** The refusal of a file that Plane allowed and its storage refused: the limit has changed, or a proxy has its own. */
export async function createStorageLimitError(deps: WorkDeps, size: number): Promise<GroundcrewError> {
  await forgetFileSizeLimit(deps);
  const limit = await readFileSizeLimit(deps);
  if (size > limit.bytes) return createTooLargeError(size, limit);
  return new GroundcrewError(
    "too_large",
    `Plane's storage or a proxy in front of it refused ${size} bytes as too large, although Plane's limit is ${limit.plane}. ` +
      "FILE_SIZE_LIMIT must be the same for Plane's server and its proxy, with some room for the form around a file.",
  );
}

const toSizeLimit = (plane: number): FileSizeLimit => ({ bytes: Math.min(plane, MAX_FILE_BYTES), plane });

/** The refusal of a file of this size, with whose limit it exceeds. */
export function createTooLargeError(size: number, { bytes, plane }: FileSizeLimit): GroundcrewError {
  const limitOwner =
    plane < MAX_FILE_BYTES
      ? "Plane's limit (FILE_SIZE_LIMIT of its server; people who run it can raise it)"
      : "the limit of Groundcrew";
  return new GroundcrewError(
    "too_large",
    `The file has ${size} bytes; at most ${bytes} (${localizeFileSize("en", bytes)}) are allowed: ${limitOwner}.`,
  );
}

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

/** Returns the content type to declare to Plane. Throws `unsupported_type` with the allowed extensions. */
export function checkFileType(name: string, declaredType: string | undefined): string {
  const type = findFileType(name, declaredType);
  if (type !== undefined) return type;
  throw createUnsupportedTypeError(`Plane does not accept files such as ${name}.`);
}

/** The refusal of a content type, with the allowed extensions. */
export function createUnsupportedTypeError(problem: string): GroundcrewError {
  return new GroundcrewError(
    "unsupported_type",
    `${problem} Allowed extensions: ${Object.keys(FILE_TYPES).join(", ")}. Pack other files into a .zip.`,
  );
}

/** Throws `bad_request` for an empty file and `too_large` above the limit. */
export async function checkFileSize(deps: WorkDeps, size: number): Promise<void> {
  if (size === 0) throw new GroundcrewError("bad_request", "The file is empty, and Plane does not store empty files.");
  const limit = await readFileSizeLimit(deps);
  if (size > limit.bytes) throw createTooLargeError(size, limit);
}

/** Whether a text is a URL: `http://…`, `file:…`, `data:…`, `//host/…`. */
export function isUrl(text: string): boolean {
  return /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|\/\/|(?:data|file|blob|mailto|javascript|about):)/i.test(text);
}

/** Limit of a path in UTF-16 units: 1,024, the shortest limit of common systems. A longer text is content. */
const MAX_PATH_LENGTH = 1_024;

/** Beginnings that base64 never has: `~`, `.`, `C:` and `\\server`. */
const UNAMBIGUOUS_PATH = /^(?:~|\.|[A-Za-z]:|\\)/;

/**
 * A path that could be base64 too. The first folder is required to be in lower case or a folder of macOS, because the
 * base64 of some formats also begins with a slash: `/9j/` (JPEG), `/v8` (UTF-16), `/Td6` (xz).
 */
const AMBIGUOUS_PATH =
  /^(?:\/(?:[a-z]+|Applications|Library|System|Users|Volumes)(?:[/._-]|$)|[a-z]{2,}(?:\/[a-z]{2,})+$)/;

/** Whether a text is the path of a file and not its content: `/etc/passwd`, `~/x`, `./x`, `C:\x`, `docs/report`. */
export function isFilePath(text: string): boolean {
  const path = text.trim();
  return path.length <= MAX_PATH_LENGTH && (UNAMBIGUOUS_PATH.test(path) || AMBIGUOUS_PATH.test(path));
}
