import { z } from "zod";

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

/**
 * OPENCLAW-13: the session in which an agent works, as the agent card shows it. OpenClaw's form is
 * `openclaw-session-{uuid}`; Claude Code's sessions are a UUID alone. An empty text means no session.
 */
export const agentSessionSchema = z
  .string()
  .regex(
    new RegExp(`^(?:(?:openclaw-session-)?${UUID})?$`, "i"),
    "must be openclaw-session-{uuid} or a UUID. Leave it out if you do not know your session",
  )
  .describe("openclaw-session-{uuid}, or the UUID of a Claude Code session. Leave it out if you do not know it");
