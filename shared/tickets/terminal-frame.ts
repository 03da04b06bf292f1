import { z } from "zod";

/** Limit of a frame's body in bytes: 1 MB, the longest screen in three-byte characters with room to spare. */
export const FRAME_LIMIT_BYTES = 1024 * 1024;
/**
 * Limit of a frame's text in UTF-16 units: 256 Ki. A screen of 120 columns and 40 rows with another 24-bit colour in each
 * cell has 190,000; an ordinary one 3,000 to 8,000.
 */
export const MAX_FRAME_LENGTH = 256 * 1024;

/** Limits of a terminal's size: 500 columns, 300 rows. */
export const MAX_COLUMNS = 500;
export const MAX_ROWS = 300;

/** The picture of a terminal at one moment, as a runner sends it. */
export const terminalFrameSchema = z.object({
  run: z.int().min(1),
  columns: z.int().min(1).max(MAX_COLUMNS),
  rows: z.int().min(1).max(MAX_ROWS),
  /** From 0; absent while the cursor is hidden. */
  cursor: z
    .object({
      column: z.int().min(0).max(MAX_COLUMNS),
      row: z.int().min(0).max(MAX_ROWS),
    })
    .exactOptional(),
  /** One line for each row, with ANSI colours. */
  screen: z.string().max(MAX_FRAME_LENGTH),
});
export type TerminalFrame = z.infer<typeof terminalFrameSchema>;

/** The answer to a frame: whether somebody still watches. */
export const frameAnswerSchema = z.object({ watched: z.boolean() });
