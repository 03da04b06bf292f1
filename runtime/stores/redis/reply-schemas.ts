import { z } from "zod";
import { omitUndefined } from "../../../shared/omit-undefined.ts";

/** A number in a script's reply. Redis stores numbers as text and returns them as text. */
const numberSchema = z.coerce.number();

export const integerReplySchema = numberSchema;
export const booleanReplySchema = z.union([z.literal(0), z.literal(1)]).transform((answer) => answer === 1);
export const commitReplySchema = z.enum(["kept", "stale", "fenced"]);
export const readReplySchema = z.array(z.union([z.tuple([z.string(), numberSchema]), z.tuple([])]));
export const scanReplySchema = z.array(z.tuple([z.string(), z.string(), numberSchema]));
export const leaseReplySchema = z.union([
  z.tuple([z.literal(1), numberSchema, numberSchema]).transform(([, fence, until]) => ({ fence, until })),
  z.tuple([z.literal(0), z.string(), numberSchema]).transform(([, heldBy, until]) => ({ heldBy, until })),
]);
export const takeReplySchema = z.tuple(
  [numberSchema],
  z.tuple([z.string(), z.string(), z.string(), numberSchema, numberSchema, z.string()]),
);
export const holdsReplySchema = z.array(z.tuple([z.string(), numberSchema, z.string()]));
export const deadReplySchema = z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), numberSchema]));
export const statsReplySchema = z.array(
  z
    .tuple([numberSchema, numberSchema], numberSchema)
    .transform(([pending, dead, oldest]) => ({ pending, dead, ...omitUndefined({ oldest }) })),
);
