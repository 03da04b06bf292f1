import { createHmac } from "node:crypto";
import { HOUR } from "../../shared/time.ts";
import { createNotFoundError, PlaneApiError } from "./api-error.ts";
import { getProject } from "./projects.ts";
import { escapeUnicodeUnit } from "./python-json.ts";
import { renderAuthorColumns, renderBaseColumns, renderExternalColumns, type TimeFormatter } from "./render-row.ts";
import type { AttachmentRow, ItemRow, JsonObject } from "./rows.ts";
import { formatAmzDate } from "./time.ts";
import type { Id } from "./types.ts";
import { createRow, enqueueTasks, getEpoch, type PlaneWorld, sortNewestFirst, toHex, touchRow } from "./world.ts";

/** Plane's `ATTACHMENT_MIME_TYPES`, the same in v1.2.2 and v1.3.1. */
export const ATTACHMENT_TYPES = new Set([
  ...["jpeg", "png", "gif", "svg+xml", "webp", "tiff", "bmp"].map((type) => `image/${type}`),
  ...["x-portable-graymap", "x-portable-bitmap", "x-portable-pixmap"].map((type) => `image/${type}`),
  ...["application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"],
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation",
  ...["spreadsheet", "text", "presentation", "graphics", "database"].map(
    (type) => `application/vnd.oasis.opendocument.${type}`,
  ),
  ...["application/rtf", "application/vnd.visio", "application/json", "application/xml", "application/x-sql"],
  ...["mpeg", "wav", "ogg", "midi", "x-midi", "aac", "flac", "x-m4a"].map((type) => `audio/${type}`),
  ...["mp4", "mpeg", "ogg", "webm", "quicktime", "x-msvideo", "x-ms-wmv"].map((type) => `video/${type}`),
  ...["zip", "x-rar", "x-rar-compressed", "x-tar", "gzip", "x-gzip", "x-zip"].map((type) => `application/${type}`),
  ...["x-zip-compressed", "x-7z-compressed", "x-compressed", "octet-stream"].map((type) => `application/${type}`),
  ...["", "-gz", "-bz2", "-zip", "-7z", "-rar"].map((type) => `application/x-compressed-tar${type}`),
  ...["model/gltf-binary", "model/gltf+json", "font/ttf", "font/otf", "font/woff", "font/woff2"],
  ...["plain", "markdown", "css", "javascript", "xml", "csv"].map((type) => `text/${type}`),
]);
const SECRET = "storage-secret";
const sign = (text: string): string => createHmac("sha256", SECRET).update(text).digest("hex");

/** Plane reduces a declared size above the limit to the limit; the storage then refuses the upload. */
export function createAttachment(
  world: PlaneWorld,
  item: ItemRow,
  file: { name: string; type: string; size: number; external_source: string | null; external_id: string | null },
  by: Id,
): AttachmentRow {
  if (!ATTACHMENT_TYPES.has(file.type)) throw new PlaneApiError(400, { error: "Invalid file type.", status: false });
  const { external_source, external_id } = file;
  const existing = [...world.data.attachments.values()].find(
    (row) => row.issue === item.id && row.external_source === external_source && row.external_id === external_id,
  );
  if (external_source && external_id && existing) {
    // Plane uses this text for attachments as well.
    const error = "Issue with the same external id and external source already exists";
    throw new PlaneApiError(409, { error, id: existing.id });
  }
  const row: AttachmentRow = {
    ...createRow(world, by),
    project: item.project,
    issue: item.id,
    name: file.name,
    type: file.type,
    size: Math.min(file.size, world.fileSizeLimit),
    asset: `${item.workspace}/${toHex(world.newId())}-${file.name}`,
    is_uploaded: false,
    external_source,
    external_id,
  };
  world.data.attachments.set(row.id, row);
  return row;
}

/** Creates the form that the client posts to the storage, with the file as its last field. */
export function createUploadForm(world: PlaneWorld, row: AttachmentRow): JsonObject {
  const now = world.clock();
  const signed = {
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": `access-key/${formatAmzDate(now).slice(0, 8)}/us-east-1/s3/aws4_request`,
    "x-amz-date": formatAmzDate(now),
  };
  const conditions = [
    { bucket: "uploads" },
    ["content-length-range", 1, row.size],
    { "Content-Type": row.type },
    { key: row.asset },
    ...Object.entries(signed).map(([name, value]) => ({ [name]: value })),
  ];
  const expiration = `${new Date(now + HOUR).toISOString().slice(0, 19)}Z`;
  const policy = btoa(JSON.stringify({ expiration, conditions }).replaceAll(/[^\0-\x7f]/g, escapeUnicodeUnit));
  return {
    url: `${world.baseUrl()}/uploads`,
    fields: { "Content-Type": row.type, key: row.asset, ...signed, policy, "x-amz-signature": sign(policy) },
  };
}

/** Checks a posted form against its policy, as the storage does, and stores the file. Returns the HTTP status. */
export function storeUpload(world: PlaneWorld, fields: Record<string, string>, file: Uint8Array): 204 | 400 | 403 {
  const policy = fields["policy"] ?? "";
  if (fields["x-amz-signature"] !== sign(policy)) return 403;
  const row = [...world.data.attachments.values()].find(({ asset }) => asset === fields["key"]);
  if (!row || fields["Content-Type"] !== row.type) return 403;
  const { expiration }: { expiration: string } = JSON.parse(atob(policy));
  if (world.clock() > Date.parse(expiration)) return 403;
  if (file.byteLength < 1 || file.byteLength > row.size) return 400;
  world.data.uploads.set(row.asset, file);
  return 204;
}

export function confirmUpload(world: PlaneWorld, row: AttachmentRow, by: Id): void {
  const isFirst = !row.is_uploaded;
  row.is_uploaded = true;
  touchRow(world, row, by);
  if (!isFirst) return;
  // Plane then shows this user as the author, whoever created the attachment.
  row.created_by = by;
  const rows = [
    {
      verb: "created",
      field: "attachment",
      comment: "created an attachment",
      new_value: row.asset,
      new_identifier: row.id,
    },
  ];
  enqueueTasks(world, { kind: "activity", item: row.issue, actor: by, epoch: getEpoch(world), rows });
}

const DOWNLOAD_EXPIRY_S = 3600;
/** Python's `quote` also escapes the characters that `encodeURIComponent` leaves. */
const percentEncode = (text: string): string =>
  encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Creates the signed address to which Plane redirects a read. */
export function createDownloadUrl(world: PlaneWorld, row: AttachmentRow): string {
  const date = formatAmzDate(world.clock());
  const query = {
    "response-content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(row.name)}`,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `access-key/${date.slice(0, 8)}/us-east-1/s3/aws4_request`,
    "X-Amz-Date": date,
    "X-Amz-Expires": String(DOWNLOAD_EXPIRY_S),
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": sign(`${row.asset}\n${date}`),
  };
  const pairs = Object.entries(query).map(([name, value]) => `${name}=${percentEncode(value)}`);
  return `${world.baseUrl()}/uploads/${row.asset.split("/").map(percentEncode).join("/")}?${pairs.join("&")}`;
}

/** Whether this address was created by `createDownloadUrl` and has not expired. */
export function mayDownload(world: PlaneWorld, asset: string, query: URLSearchParams): boolean {
  const date = query.get("X-Amz-Date") ?? "";
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const signedAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return (
    query.get("X-Amz-Signature") === sign(`${asset}\n${date}`) &&
    world.clock() <= signedAt + DOWNLOAD_EXPIRY_S * 1000 + 1000
  );
}

export function getAttachment(world: PlaneWorld, id: Id): AttachmentRow {
  const attachment = world.data.attachments.get(id);
  if (!attachment) throw createNotFoundError();
  return attachment;
}

/** Lists the attachments whose upload was confirmed. */
export const listAttachments = (world: PlaneWorld, item: Id): AttachmentRow[] =>
  sortNewestFirst([...world.data.attachments.values()].filter((row) => row.issue === item && row.is_uploaded));

export const renderAttachment = (world: PlaneWorld, row: AttachmentRow, formatTime: TimeFormatter): JsonObject => ({
  ...renderBaseColumns(row, formatTime),
  attributes: { name: row.name, type: row.type, size: row.size },
  asset: row.asset,
  entity_type: "ISSUE_ATTACHMENT",
  entity_identifier: null,
  is_deleted: false,
  is_archived: false,
  ...renderExternalColumns(row),
  size: row.size,
  is_uploaded: row.is_uploaded,
  storage_metadata: {},
  ...renderAuthorColumns(row),
  user: null,
  workspace: getProject(world, row.project).workspace,
  draft_issue: null,
  project: row.project,
  issue: row.issue,
  comment: null,
  page: null,
});
