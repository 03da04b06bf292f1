import { getErrorMessage } from "../../shared/errors.ts";
import { frameAnswerSchema, type TerminalFrame } from "../../shared/tickets/terminal-frame.ts";
import { type Ms, SECOND } from "../../shared/time.ts";

/** What became of a frame. */
export type FrameResult = { kind: "sent"; isWatched: boolean } | { kind: "failed"; reason: string };

interface FrameClientOptions {
  groundcrewUrl: string;
  token: string;
  fetch?: typeof fetch;
}

/** Timeout for the answer to a frame: 10 s. */
const ANSWER_TIMEOUT_MS: Ms = 10 * SECOND;

export type FrameClient = ReturnType<typeof createFrameClient>;

/** Creates a client that sends pictures of terminals to Groundcrew. Its method never rejects. */
export function createFrameClient({ groundcrewUrl, token, fetch: send = fetch }: FrameClientOptions) {
  return {
    async sendFrame(ticket: string, frame: TerminalFrame, signal: AbortSignal): Promise<FrameResult> {
      try {
        const response = await send(`${groundcrewUrl}/api/runner/frames/${encodeURIComponent(ticket)}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(frame),
          // A redirect would receive the token.
          redirect: "manual",
          signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
        });
        if (response.ok) return { kind: "sent", isWatched: frameAnswerSchema.parse(await response.json()).watched };
        await response.body?.cancel();
        return { kind: "failed", reason: `Groundcrew answered ${response.status}` };
      } catch (thrown) {
        return { kind: "failed", reason: getErrorMessage(thrown) };
      }
    },
  };
}
