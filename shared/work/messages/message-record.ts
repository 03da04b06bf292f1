import { DAY, type Ms } from "../../time.ts";

/** A message of an agent to the human that needs no answer and is about no task. A question is a `KeptQuestion`. */
export interface KeptMessage {
  id: string;
  agent: string;
  text: string;
  /** Store time. */
  at: Ms;
  /** The id of the wish that it summed up, and thereby closed. */
  wish?: string;
}

/** Retention of a message: 30 days, as of an answered question. */
export const MESSAGE_RETENTION: Ms = 30 * DAY;
