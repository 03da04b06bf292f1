import { z } from "zod";

/** What the scripts answer. Numbers that were kept as text come back as text. */
const number = z.coerce.number();

export const whole = number;
export const yesOrNo = z.union([z.literal(0), z.literal(1)]).transform((answer) => answer === 1);
export const outcome = z.enum(["kept", "stale", "fenced"]);
export const keptRows = z.array(z.union([z.tuple([z.string(), number]), z.tuple([])]));
export const scanRows = z.array(z.tuple([z.string(), z.string(), number]));
export const leaseAnswer = z.union([
  z.tuple([z.literal(1), number, number]).transform(([, fence, until]) => ({ fence, until })),
  z.tuple([z.literal(0), z.string(), number]).transform(([, heldBy, until]) => ({ heldBy, until })),
]);
export const takenJobs = z.tuple([number], z.tuple([z.string(), z.string(), z.string(), number, number, z.string()]));
export const deadJobs = z.array(z.tuple([z.string(), z.string(), z.string(), z.string(), number]));
export const queueFigures = z.array(
  z
    .tuple([number, number], number)
    .transform(([pending, dead, oldest]) => ({ pending, dead, ...(oldest !== undefined && { oldest }) })),
);
