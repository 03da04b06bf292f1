import { z } from "zod";

/** The fields of answers to hooks that matter to a session. */
const hookAnswerSchema = z.looseObject({
  decision: z.string().optional(),
  reason: z.string().optional(),
  hookSpecificOutput: z
    .looseObject({ decision: z.looseObject({ behavior: z.enum(["allow", "deny"]) }).optional() })
    .optional(),
});
type HookAnswer = z.infer<typeof hookAnswerSchema>;

export interface SessionHooks {
  /** Reports an event after the earlier ones. */
  report(fields: Record<string, unknown>): void;
  /**
   * Asks and resolves with the answer, which may take minutes; undefined when there is none or the signal is aborted, as
   * when Groundcrew cannot be reached.
   */
  ask(fields: Record<string, unknown>, signal?: AbortSignal): Promise<HookAnswer | undefined>;
}

interface HookOptions {
  /** Groundcrew's address. */
  url: string;
  ticket: string;
  sessionId: string;
  /** The token of the run. */
  token: string;
  fetch: typeof fetch;
  /** Aborted when the simulator ends. */
  signal: AbortSignal;
}

/** Creates the hooks of one session: requests to Groundcrew with the token of its run. */
export function createSessionHooks({ url, ticket, sessionId, token, fetch: send, signal }: HookOptions): SessionHooks {
  let previous: Promise<unknown> = Promise.resolve();

  async function post(fields: Record<string, unknown>, aborted = signal): Promise<HookAnswer | undefined> {
    try {
      const response = await send(`${url}/api/runner/sessions/${encodeURIComponent(ticket)}/hooks`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ session_id: sessionId, ...fields }),
        redirect: "manual",
        signal: AbortSignal.any([signal, aborted]),
      });
      const text = await response.text();
      return response.ok && text !== "" ? hookAnswerSchema.parse(JSON.parse(text)) : undefined;
    } catch {
      // A hook that fails counts as absent: the session goes on without it.
      return undefined;
    }
  }

  return {
    report(fields) {
      previous = previous.then(() => post(fields));
    },
    async ask(fields, aborted) {
      await previous;
      return post(fields, aborted);
    },
  };
}
