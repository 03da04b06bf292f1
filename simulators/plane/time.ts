import type { Ms } from "../../shared/time.ts";
import type { Micros } from "./types.ts";

const MICROS_PER_SECOND = 1_000_000;
const formatsByZone = new Map<string, Intl.DateTimeFormat>();

function getZoneFormat(zone: string): Intl.DateTimeFormat {
  let cached = formatsByZone.get(zone);
  if (!cached) {
    cached = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    formatsByZone.set(zone, cached);
  }
  return cached;
}

/** Formats the zone's offset as Django REST framework does: `+01:00`, or `Z` for UTC. */
function formatOffset(zone: string, at: Ms): string {
  if (zone === "UTC") return "Z";
  const name = getZoneFormat(zone)
    .formatToParts(at)
    .find((part) => part.type === "timeZoneName")?.value;
  const text = name?.replace("GMT", "") ?? "";
  return text === "" || text === "+00:00" ? "Z" : text;
}

/** Formats a timestamp as Plane does: ISO 8601 in the reader's zone, with six decimals unless all are zero. */
export function formatTimestamp(at: Micros, zone: string): string {
  const seconds = Math.floor(at / MICROS_PER_SECOND);
  const micros = at - seconds * MICROS_PER_SECOND;
  const suffix = formatOffset(zone, seconds * 1000);
  const shift = suffix === "Z" ? 0 : parseOffset(suffix);
  const local = new Date((seconds + shift) * 1000).toISOString().slice(0, 19);
  return micros === 0 ? `${local}${suffix}` : `${local}.${String(micros).padStart(6, "0")}${suffix}`;
}

function parseOffset(suffix: string): number {
  const [hours = "0", minutes = "0"] = suffix.slice(1).split(":");
  return (suffix.startsWith("-") ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

export const isTimeZone = (zone: string): boolean => {
  try {
    getZoneFormat(zone);
    return true;
  } catch {
    return false;
  }
};

/** Formats the value of a `Date` header. */
export const formatHttpDate = (at: Ms): string => new Date(at).toUTCString();

/** Formats a time as S3 signatures contain it: `20261121T043311Z`. */
export const formatAmzDate = (at: Ms): string => `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

/** Formats the day in UTC: `2026-11-21`. */
export const formatDay = (at: Ms): string => new Date(at).toISOString().slice(0, 10);

/** Parses a day or an ISO time; null for any other text. */
export function parseTime(text: string): Micros | null {
  const at = Date.parse(isDay(text) ? `${text}T00:00:00Z` : text);
  return Number.isNaN(at) ? null : at * 1000;
}
