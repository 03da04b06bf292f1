import { z } from "zod";
import { cleanText } from "../../shared/clean-text.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import type { Log } from "../../shared/log.ts";
import {
  EXCHANGE_LIMIT_BYTES,
  type ExchangeAnswer,
  type ExchangeRequest,
  exchangeAnswerSchema,
} from "../../shared/tickets/exchange.ts";
import { MINUTE, type Ms, SECOND } from "../../shared/time.ts";

/** What became of an exchange. `interrupted`: the runner had news, so it did not wait for the answer. */
export type ExchangeResult =
  | { kind: "answer"; answer: ExchangeAnswer }
  | { kind: "interrupted" }
  | { kind: "failed"; retryIn: Ms };

interface ExchangeClientOptions {
  groundcrewUrl: string;
  token: string;
  log: Log;
  fetch?: typeof fetch;
}

/** Timeout for an answer besides the time that it is held: 15 s. */
const ANSWER_TIMEOUT_MS: Ms = 15 * SECOND;
/** Delays after a failed exchange: 1 s, doubled each time, 30 s at most; so a restart is noticed within half a minute. */
const FIRST_RETRY_MS: Ms = SECOND;
const MAX_RETRY_MS: Ms = 30 * SECOND;
/** Delay after a refused token: 1 min. A person must change it. */
const REFUSED_RETRY_MS: Ms = MINUTE;
/** Limits of details where a request would be too large. */
const SHORT_SCREEN_LENGTH = 1_000;
const FEW_COMMITS = 5;

const refusalSchema = z.object({ error: z.object({ message: z.string() }) });
const MAX_REASON_LENGTH = 500;

export type ExchangeClient = ReturnType<typeof createExchangeClient>;

/** Creates a client of Groundcrew's route for runners. Its method never rejects. */
export function createExchangeClient({ groundcrewUrl, token, log, fetch: send = fetch }: ExchangeClientOptions) {
  let failures = 0;

  async function post(request: ExchangeRequest, interruption: AbortSignal): Promise<ExchangeResult> {
    const timeout = AbortSignal.timeout(request.wait_ms + ANSWER_TIMEOUT_MS);
    const response = await send(`${groundcrewUrl}/api/runner/exchange`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: formatRequest(request),
      // A redirect would receive the token.
      redirect: "manual",
      signal: AbortSignal.any([timeout, interruption]),
    });
    if (!response.ok) {
      const isRefused = response.status === 401 || response.status === 403;
      const reason = isRefused ? "RUNNER_TOKEN is refused" : await describeAnswer(response);
      return fail(reason, isRefused ? REFUSED_RETRY_MS : getRetryAfter(response));
    }
    const answer = exchangeAnswerSchema.parse(await response.json());
    if (failures > 0) log.info("Groundcrew answers again", { failures });
    failures = 0;
    return { kind: "answer", answer };
  }

  function fail(reason: string, minDelay: Ms = 0): ExchangeResult {
    failures += 1;
    if (failures === 1 || failures % 20 === 0) log.warn("exchange failed", { reason, failures });
    const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, failures - 1));
    return { kind: "failed", retryIn: Math.max(delay, minDelay) };
  }

  return {
    /** Sends the observation and resolves with the desired state. */
    async exchange(request: ExchangeRequest, interruption: AbortSignal): Promise<ExchangeResult> {
      try {
        return await post(request, interruption);
      } catch (thrown) {
        if (interruption.aborted) return { kind: "interrupted" };
        return fail(getErrorMessage(thrown instanceof Error && thrown.cause ? thrown.cause : thrown));
      }
    },
  };
}

/** Formats a request; where it would be too large, screens and lists of commits are shortened. */
export function formatRequest(request: ExchangeRequest): string {
  const text = JSON.stringify(request);
  if (Buffer.byteLength(text) <= EXCHANGE_LIMIT_BYTES) return text;
  const sessions = request.sessions.map(({ conflicts: _conflicts, completion, ...session }) => ({
    ...session,
    screen: session.screen.slice(-SHORT_SCREEN_LENGTH).toWellFormed(),
    commits: session.commits.slice(0, FEW_COMMITS),
    // A completion is never left out.
    ...(completion === undefined ? {} : { completion }),
  }));
  return JSON.stringify({ ...request, sessions });
}

/** The reason of a refusal, such as a name that another runner has; of other answers only the status. */
async function describeAnswer(response: Response): Promise<string> {
  const status = `Groundcrew answered ${response.status}`;
  if (response.status !== 409) {
    await response.body?.cancel();
    return status;
  }
  const refusal = refusalSchema.safeParse(await response.json().catch(() => undefined));
  return refusal.success ? `${status}: ${cleanText(refusal.data.error.message, MAX_REASON_LENGTH)}` : status;
}

function getRetryAfter(response: Response): Ms {
  const seconds = Number(response.headers.get("retry-after") ?? 0);
  return Number.isFinite(seconds) ? Math.min(MINUTE, Math.max(0, seconds * SECOND)) : 0;
}
