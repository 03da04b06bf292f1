import { CronPattern } from "croner";
import { z } from "zod";

/** A port: 0 to 65535. */
export const portSchema = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .refine((number) => number <= 65_535);

/** A whole number of at most nine digits. */
export const countSchema = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number);

/** Parts separated by commas. */
export const listSchema = z.string().transform((text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);

/** The URL of a server: http(s), without credentials or a query; a slash at the end is removed. */
export const urlSchema = z
  .string()
  .transform((text) => (URL.canParse(text) ? new URL(text) : undefined))
  .refine((url) => url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash)
  .transform((url) => (url ? `${url.origin}${url.pathname.replace(/\/+$/, "")}` : ""));

/** Whether croner accepts the pattern, with or without seconds. */
export function isCron(text: string): boolean {
  try {
    new CronPattern(text, undefined, { mode: "5-or-6-parts" });
    return true;
  } catch {
    return false;
  }
}

/** Whether a text is the name of a time zone, for example Europe/Paris. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
