import { z } from "zod";

/** OPENCLAW-13: the session in which an agent works, as the agent card shows it. */
export const agentSessionSchema = z
  .string()
  .regex(
    /^[\x21-\x7e]{0,100}$/,
    "must be an id of at most 100 characters without spaces, such as openclaw-session-{uuid}",
  )
  .describe("openclaw-session-{uuid}");
