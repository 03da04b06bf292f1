import type { ExternalRow, JsonObject, Row } from "./rows.ts";
import { renderTime } from "./time.ts";
import type { Micros } from "./types.ts";

/** Renders a time for one reader. */
export type At = (time: Micros) => string;

export const inZone =
  (zone: string): At =>
  (time) =>
    renderTime(time, zone);

/** Webhooks are written by a worker, which knows no reader. */
export const inUtc: At = inZone("UTC");

export const maybe = (at: At, time: Micros | null): string | null => (time === null ? null : at(time));

/** What most rows begin with. */
export const opening = (row: Row, at: At): JsonObject => ({
  id: row.id,
  created_at: at(row.created_at),
  updated_at: at(row.updated_at),
  deleted_at: null,
});

export const external = (row: ExternalRow): JsonObject => ({
  external_source: row.external_source,
  external_id: row.external_id,
});

export const authors = (row: Row): JsonObject => ({ created_by: row.created_by, updated_by: row.updated_by });
