import type { Deps } from "../deps.ts";
import { messageOf } from "../errors.ts";
import type { Ms } from "../store/port.ts";

/** How long the receiver may take to answer; the Standard Webhooks specification asks for 15 to 30 s. */
const LIMIT_MS: Ms = 20_000;

/** The longest wait that is believed of a receiver. */
const DAY_MS: Ms = 86_400_000;

/** How a call of another system went. */
export interface Posted {
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
export async function post(
  deps: Pick<Deps, "fetch">,
  url: string,
  headers: Record<string, string>,
  payload: string,
): Promise<Posted> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MS);
    const response = await deps.fetch(url, { method: "POST", headers, body: payload, redirect: "manual", signal });
    await response.body?.cancel();
    const after = response.headers.get("retry-after") ?? "";
    const seconds = /^\d+$/.test(after) ? Number(after) : 0;
    return {
      ok: response.ok,
      outcome: `answered ${response.status}`,
      status: response.status,
      ...(seconds > 0 && { wait: Math.min(DAY_MS, seconds * 1000) }),
    };
  } catch (thrown) {
    const code = codeOf(thrown);
    return { ok: false, outcome: code ?? messageOf(thrown), ...(code && NEVER_SENT.has(code) && { notSent: true }) };
  }
}

/** No connection, or none that is who it should be: nothing of the request went out. */
const NEVER_SENT = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
  ...["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN"],
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "ERR_TLS_CERT_ALTNAME_INVALID"],
]);

/** The network's own word for what happened; `fetch` wraps it. */
function codeOf(thrown: unknown): string | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth += 1) {
    if ("code" in error && typeof error.code === "string") return error.code;
  }
  return undefined;
}
