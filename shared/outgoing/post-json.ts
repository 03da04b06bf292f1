import type { Deps } from "../app/deps.ts";
import { getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { DAY, type Ms } from "../time.ts";

/** How long the receiver may take to answer; the Standard Webhooks specification asks for 15 to 30 s. */
const RESPONSE_TIMEOUT_MS: Ms = 20_000;

/** The longest wait that is believed of a receiver. */
const MAX_WAIT_MS: Ms = DAY;

/** How a call of another system went. */
export interface PostResult {
  ok: boolean;
  /** For the log and dead letters: the status, or why there was no answer. */
  outcome: string;
  /** Absent: no answer came. */
  status?: number;
  /** It never reached the other side: sending it again is sending it once. */
  notSent?: boolean;
  /** A `Retry-After` in whole seconds, as milliseconds; a day at most. */
  wait?: Ms;
}

/** Posts once, without following redirects. Never throws; no outcome holds what was sent. */
export async function postJson(
  deps: Pick<Deps, "fetch">,
  url: string,
  headers: Record<string, string>,
  payload: string,
): Promise<PostResult> {
  try {
    const signal = AbortSignal.timeout(RESPONSE_TIMEOUT_MS);
    const response = await deps.fetch(url, { method: "POST", headers, body: payload, redirect: "manual", signal });
    await response.body?.cancel();
    const retryAfter = response.headers.get("retry-after") ?? "";
    const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : 0;
    return {
      ok: response.ok,
      outcome: `answered ${response.status}`,
      status: response.status,
      ...omitUndefined({ wait: seconds > 0 ? Math.min(MAX_WAIT_MS, seconds * 1000) : undefined }),
    };
  } catch (thrown) {
    const code = findErrorCode(thrown);
    return {
      ok: false,
      outcome: code ?? getErrorMessage(thrown),
      ...omitUndefined({ notSent: code && NOT_SENT_CODES.has(code) ? true : undefined }),
    };
  }
}

/** No connection, or none that is who it should be: nothing of the request went out. */
const NOT_SENT_CODES = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
  ...["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN"],
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "ERR_TLS_CERT_ALTNAME_INVALID"],
]);

/** The network's own word for what happened; `fetch` wraps it. */
function findErrorCode(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return undefined;
}
