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

const BY_EXTENSION = new Map(
  Object.entries(BY_TYPE).flatMap(([type, extensions]) =>
    extensions.split(" ").map((extension) => [extension, type] as const),
  ),
);

/** The content type to declare for each extension, sorted by extension. */
export const FILE_TYPES: Record<string, string> = Object.fromEntries(
  [...BY_EXTENSION].sort(([a], [b]) => (a < b ? -1 : 1)),
);

/** Finds the content type by the extension, else the declared type. Undefined when Plane does not accept it. */
export function findFileType(name: string, declaredType: string | undefined): string | undefined {
  const [, extension] = /\.([^.]*)$/.exec(name) ?? [];
  if (extension !== undefined) return BY_EXTENSION.get(extension.toLowerCase());
  const normalizedType = declaredType?.split(";")[0]?.trim().toLowerCase() ?? "";
  return Object.hasOwn(BY_TYPE, normalizedType) ? normalizedType : undefined;
}
