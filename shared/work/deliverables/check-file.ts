import { GroundcrewError } from "../../errors.ts";
import { localizeFileSize } from "../../i18n/localize.ts";
import { instanceApi } from "../../plane/instance.ts";
import type { UploadSource } from "../../plane/upload.ts";
import { MINUTE, type Ms } from "../../time.ts";
import type { WorkDeps } from "../context/call-context.ts";
import { FILE_TYPES, findFileType } from "./file-types.ts";

/** A file as an agent hands it in. */
export interface NewDeliverable {
  task: string;
  name: string;
  /** A Blob can be read again; what streams cannot. */
  file: Blob | UploadSource;
  /** The content type its sender gives it: for names without an extension. */
  type?: string;
  /** 64 hex characters, where its sender knows them: then the same call is the same however late it is repeated. */
  sha256?: string;
  /** Markdown: what the comment says beside the link. */
  text?: string;
}

/** Groundcrew takes no larger files, whatever Plane's limit, in bytes (OPENCLAW-07). */
const MAX_FILE_BYTES = 50 * 2 ** 20;
/** The longest name that file systems take, in bytes. */
const MAX_NAME_BYTES = 255;
/** Plane's limit is a setting of its server: a change is seen after so long. */
const LIMIT_CACHE_MS: Ms = 10 * MINUTE;
const LIMIT_KEY = "plane:file_size_limit";

/** The largest file in bytes, and Plane's own part in that. */
export interface FileSizeLimit {
  bytes: number;
  plane: number;
}

/** The largest file that can be delivered now: Plane's limit (cached for 10 min), at most 50 MB. */
export async function readFileSizeLimit({
  cache,
  clock,
  plane,
}: Pick<WorkDeps, "cache" | "clock" | "plane">): Promise<FileSizeLimit> {
  const cached = await cache.getItem<{ plane: number; at: Ms }>(LIMIT_KEY);
  if (cached && clock() - cached.at < LIMIT_CACHE_MS) return toSizeLimit(cached.plane);
  const { data } = await plane.call(instanceApi.info, { priority: "interactive" });
  await cache.setItem(LIMIT_KEY, { plane: data.config.file_size_limit, at: clock() });
  return toSizeLimit(data.config.file_size_limit);
}

/** Plane has shown another limit than the one that was known. */
export async function forgetFileSizeLimit({ cache }: Pick<WorkDeps, "cache">): Promise<void> {
  await cache.removeItem(LIMIT_KEY);
}

/** The storage found a file too large that Plane had allowed: its limit was changed, or a proxy has one of its own. */
export async function createStorageLimitError(deps: WorkDeps, size: number): Promise<GroundcrewError> {
  await forgetFileSizeLimit(deps);
  const limit = await readFileSizeLimit(deps);
  if (size > limit.bytes) return createTooLargeError(size, limit);
  return new GroundcrewError(
    "too_large",
    `The storage, or a proxy before it, refused ${size} bytes as too large, although Plane's limit is ${limit.plane}: ` +
      "FILE_SIZE_LIMIT of Plane's server and of its proxy must agree, and leave a little room for the form around a file.",
  );
}

const toSizeLimit = (plane: number): FileSizeLimit => ({ bytes: Math.min(plane, MAX_FILE_BYTES), plane });

/** The refusal of a file of this size; says whose limit it is. */
export function createTooLargeError(size: number, { bytes, plane }: FileSizeLimit): GroundcrewError {
  const limitOwner =
    plane < MAX_FILE_BYTES
      ? "Plane's limit (FILE_SIZE_LIMIT of its server; people who run it can raise it)"
      : "the most that Groundcrew takes";
  return new GroundcrewError(
    "too_large",
    `The file has ${size} bytes; at most ${bytes} (${localizeFileSize("en", bytes)}) are allowed: ${limitOwner}.`,
  );
}

/** The name as it will be kept (in Unicode's composed form). Throws `bad_request` unless it is a plain file name. */
export function checkFileName(rawName: string): string {
  const name = rawName.normalize("NFC");
  const problem = findNameProblem(name);
  if (problem === undefined) return name;
  throw new GroundcrewError("bad_request", `name ${problem}. Give a plain file name, such as report.pdf.`);
}

function findNameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (isUrl(name)) return "is an address: nothing is fetched here, the file's bytes themselves are wanted";
  if (/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u.test(name))
    return "has control, direction or other characters that nobody sees";
  if (/^[/\\]|^[A-Za-z]:/.test(name)) return "is an absolute path";
  if (/[/\\]/.test(name)) return "has path parts";
  if (name.startsWith(".")) return "begins with a dot";
  if (name !== name.trim()) return "begins or ends with a blank";
  const bytes = new TextEncoder().encode(name).length;
  return bytes > MAX_NAME_BYTES ? `is ${bytes} bytes long, of at most ${MAX_NAME_BYTES}` : undefined;
}

/** The content type Plane will know it by. Throws `unsupported_type` with what is allowed. */
export function checkFileType(name: string, declaredType: string | undefined): string {
  const type = findFileType(name, declaredType);
  if (type !== undefined) return type;
  throw createUnsupportedTypeError(`Plane takes no files such as ${name}.`);
}

/** The refusal of a type, with all that Plane takes. */
export function createUnsupportedTypeError(problem: string): GroundcrewError {
  return new GroundcrewError(
    "unsupported_type",
    `${problem} It takes names that end in one of these: ${Object.keys(FILE_TYPES).join(", ")}. Pack others into a .zip.`,
  );
}

/** Throws unless the size is one that will be taken. */
export async function checkFileSize(deps: WorkDeps, size: number): Promise<void> {
  if (size === 0) throw new GroundcrewError("bad_request", "The file is empty: Plane keeps no empty files.");
  const limit = await readFileSizeLimit(deps);
  if (size > limit.bytes) throw createTooLargeError(size, limit);
}

/** Whether this is meant to be fetched from somewhere: `http://…`, `file:…`, `data:…`, `//host/…`. */
export function isUrl(text: string): boolean {
  return /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|\/\/|(?:data|file|blob|mailto|javascript|about):)/i.test(text);
}
