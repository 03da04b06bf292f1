import type { Micros, Ms } from "./types.ts";

const SECOND = 1_000_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  let known = formats.get(zone);
  if (!known) {
    known = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "longOffset" });
    formats.set(zone, known);
  }
  return known;
}

/** `+01:00`, or `Z` at Greenwich, as Django REST framework writes it. */
function offset(zone: string, at: Ms): string {
  if (zone === "UTC") return "Z";
  const name = format(zone)
    .formatToParts(at)
    .find((part) => part.type === "timeZoneName")?.value;
  const found = name?.replace("GMT", "") ?? "";
  return found === "" || found === "+00:00" ? "Z" : found;
}

/** Plane's timestamps: ISO 8601 in the reader's zone, six digits of a second, none when they are all zero. */
export function renderTime(at: Micros, zone: string): string {
  const seconds = Math.floor(at / SECOND);
  const micros = at - seconds * SECOND;
  const ends = offset(zone, seconds * 1000);
  const shift = ends === "Z" ? 0 : shiftOf(ends);
  const local = new Date((seconds + shift) * 1000).toISOString().slice(0, 19);
  return micros === 0 ? `${local}${ends}` : `${local}.${String(micros).padStart(6, "0")}${ends}`;
}

function shiftOf(ends: string): number {
  const [hours = "0", minutes = "0"] = ends.slice(1).split(":");
  return (ends.startsWith("-") ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

export const isTimeZone = (zone: string): boolean => {
  try {
    format(zone);
    return true;
  } catch {
    return false;
  }
};

/** A `Date` header. */
export const httpDate = (at: Ms): string => new Date(at).toUTCString();

/** `20261121T043311Z`, as S3 signs it. */
export const amzDate = (at: Ms): string => `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, "")}Z`;

export const isDay = (text: string): boolean =>
  /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));

/** The day in Greenwich, `2026-11-21`. */
export const dayOf = (at: Ms): string => new Date(at).toISOString().slice(0, 10);

/** Reads a day or an ISO time; null when it is neither. */
export function readTime(text: string): Micros | null {
  const at = Date.parse(isDay(text) ? `${text}T00:00:00Z` : text);
  return Number.isNaN(at) ? null : at * 1000;
}
