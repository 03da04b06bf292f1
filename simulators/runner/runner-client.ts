import { getErrorMessage } from "../../shared/errors.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";
import { type ExchangeAnswer, type ExchangeRequest, exchangeAnswerSchema, type TerminalFrame } from "./messages.ts";

/** Timeout for an answer besides the time that it is held. */
const ANSWER_TIMEOUT_MS: Ms = 15 * SECOND;
/** Delays after a failed exchange: 1 s, doubled each time, 30 s at most; 1 min after a refused token. */
const FIRST_RETRY_MS: Ms = SECOND;
const MAX_RETRY_MS: Ms = 30 * SECOND;
const REFUSED_RETRY_MS: Ms = MINUTE;

export type ExchangeResult = { answer: ExchangeAnswer } | { retryIn: Ms; problem: string } | "interrupted";

interface ClientOptions {
  url: string;
  token: string;
  fetch: typeof fetch;
  signal: AbortSignal;
}

/** Creates a client of Groundcrew's routes for runners. Its methods never reject. */
export function createRunnerClient({ url, token, fetch: send, signal }: ClientOptions) {
  let failures = 0;

  const post = (path: string, body: object, aborted: AbortSignal) =>
    send(`${url}/api/runner/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      // A redirect would receive the token.
      redirect: "manual",
      signal: AbortSignal.any([signal, aborted]),
    });

  function fail(problem: string, minDelay: Ms = 0): ExchangeResult {
    failures += 1;
    const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, failures - 1));
    return { retryIn: Math.max(delay, minDelay), problem };
  }

  return {
    /** Sends the observation and resolves with the desired state. The signal ends the wait for a held answer. */
    async exchange(request: ExchangeRequest, interruption: AbortSignal): Promise<ExchangeResult> {
      try {
        const timeout = AbortSignal.timeout(request.wait_ms + ANSWER_TIMEOUT_MS);
        const response = await post("exchange", request, AbortSignal.any([interruption, timeout]));
        const text = await response.text();
        const isRefused = response.status === 401 || response.status === 403;
        if (!response.ok) return fail(`${response.status} ${text}`, isRefused ? REFUSED_RETRY_MS : 0);
        const answer = exchangeAnswerSchema.parse(JSON.parse(text));
        failures = 0;
        return { answer };
      } catch (thrown) {
        if (interruption.aborted || signal.aborted) return "interrupted";
        return fail(getErrorMessage(thrown instanceof Error && thrown.cause ? thrown.cause : thrown));
      }
    },
    /** Sends the picture of a terminal; resolves with whether somebody still watches it. */
    async sendFrame(ticket: string, frame: TerminalFrame): Promise<boolean> {
      try {
        const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
        const response = await post(`frames/${encodeURIComponent(ticket)}`, frame, timeout);
        const answer: unknown = response.ok ? await response.json() : undefined;
        await response.body?.cancel().catch(() => {});
        return typeof answer === "object" && answer !== null && "watched" in answer && answer.watched === true;
      } catch {
        return false;
      }
    },
  };
}
