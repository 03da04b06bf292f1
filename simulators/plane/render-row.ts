import type { BaseRow, ExternalIdColumns, JsonObject } from "./rows.ts";
import { formatTimestamp } from "./time.ts";
import type { Micros } from "./types.ts";

/** Formats a time in the time zone of one reader. */
export type TimeFormatter = (time: Micros) => string;

export const createTimeFormatter =
  (zone: string): TimeFormatter =>
  (time) =>
    formatTimestamp(time, zone);

/** Webhooks have no reader, so Plane's worker writes their times in UTC. */
export const formatUtc: TimeFormatter = createTimeFormatter("UTC");

export const formatOptionalTime = (formatTime: TimeFormatter, time: Micros | null): string | null =>
  time === null ? null : formatTime(time);

/** The columns with which most rows begin. */
export const renderBaseColumns = (row: BaseRow, formatTime: TimeFormatter): JsonObject => ({
  id: row.id,
  created_at: formatTime(row.created_at),
  updated_at: formatTime(row.updated_at),
  deleted_at: null,
});

export const renderExternalColumns = (row: ExternalIdColumns): JsonObject => ({
  external_source: row.external_source,
  external_id: row.external_id,
});

export const renderAuthorColumns = (row: BaseRow): JsonObject => ({
  created_by: row.created_by,
  updated_by: row.updated_by,
});
