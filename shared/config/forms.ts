/** Forms that many settings share. */

import { z } from "zod";

/** A text of this form. */
export const textSchema = (form: RegExp) => z.string().regex(form);

/** A text of limited length that is not empty. */
export const shortTextSchema = (longest: number) => z.string().min(1).max(longest);

/** A whole number between these. */
export const wholeSchema = (least: number, most: number) => z.int().min(least).max(most);

/** A list of limited length. */
export const listSchema = <T extends z.ZodType>(item: T, most: number) => z.array(item).max(most);

/** A field that is true or false; `effect` completes the sentence "wanted: true or false: …". */
export const toggle = (byDefault: boolean, effect: string, meaning: string) =>
  z.boolean().default(byDefault).describe(`true or false: ${effect}`).meta({ meaning });

export const emailSchema = z.email().transform((email) => email.toLowerCase());
