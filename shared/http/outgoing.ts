/**
 * Posts to systems of others, agents' gateways and forwarding targets: signed, sent once per attempt, repeated by
 * their queue. Also what is remembered of such a job afterwards: the receipt, or that a person discarded it.
 */

import { createFetch, FetchError } from "ofetch";
import { Webhook } from "standardwebhooks";
import type { Deps } from "../app/deps.ts";
import { findErrorCode, getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Put, Queue, StoreKey } from "../store/port.ts";
import { DECISION_LOG_MS } from "../task/rule-set.ts";
import { DAY, HOUR, MINUTE, type Ms, SECOND } from "../time.ts";

/** The result of a call to another system. */
export interface PostResult {
  ok: boolean;
  /** The status, or why there was no response; for the log and dead letters. */
  outcome: string;
  /** Absent without a response. */
  status?: number;
  /** True when the request certainly did not reach the receiver, so that repeating it cannot deliver it twice. */
  notSent?: boolean;
  /** The response's `Retry-After`; one day at most. */
  retryAfter?: Ms;
  /** The response's body, where it was asked for and is complete. */
  body?: string;
}

/** Proof that another system accepted an event. */
export interface ForwardReceipt {
  /** Our time of its response. */
  at: Ms;
}

/** The record that a person discarded a failed job. */
export interface DiscardedJob {
  /** Our time of the request. */
  at: Ms;
}

/** Timeout for the receiver's response: 20 s; the Standard Webhooks specification recommends 15 to 30 s. */
const RESPONSE_TIMEOUT_MS: Ms = 20_000;

/** Limit of a receiver's Retry-After: one day. A longer one is shortened. */
const MAX_RETRY_AFTER_MS: Ms = DAY;

/** Error codes without a connection, or with an invalid certificate: nothing of the request was sent. */
const NOT_SENT_CODES = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
  ...["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "DEPTH_ZERO_SELF_SIGNED_CERT", "SELF_SIGNED_CERT_IN_CHAIN"],
  ...["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "ERR_TLS_CERT_ALTNAME_INVALID"],
]);

/** Delays between attempts, as Standard Webhooks suggests; after the last one the job is a dead letter. */
export const RETRY_DELAYS_MS: readonly Ms[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  DAY,
];

/**
 * Posts once, without retries and without following redirects. A response's body is read up to `bodyLimit` (UTF-16
 * units), and a longer one not at all; by default none is read. Never throws; the
 * outcome never contains the URL, the payload or the headers.
 */
export async function postJson(
  deps: Pick<Deps, "fetch">,
  url: string,
  headers: Record<string, string>,
  payload: string,
  bodyLimit = 0,
): Promise<PostResult> {
  try {
    const signal = AbortSignal.timeout(RESPONSE_TIMEOUT_MS);
    const response = await createFetch({ fetch: deps.fetch }).raw(url, {
      method: "POST",
      headers,
      body: payload,
      redirect: "manual",
      responseType: "stream",
      // The queue repeats the job, so that the delays outlive a restart.
      retry: false,
      ignoreResponseError: true,
      signal,
    });
    const body = await readBody(response, bodyLimit);
    const header = response.headers.get("retry-after") ?? "";
    const seconds = /^\d+$/.test(header) ? Number(header) : 0;
    return {
      ok: response.ok,
      outcome: `answered ${response.status}`,
      status: response.status,
      ...omitUndefined({
        retryAfter: seconds > 0 ? Math.min(MAX_RETRY_AFTER_MS, seconds * 1000) : undefined,
        body,
      }),
    };
  } catch (error) {
    // The message of ofetch's own error contains the URL.
    const thrown = error instanceof FetchError ? error.cause : error;
    const code = findErrorCode(thrown);
    return {
      ok: false,
      outcome: code ?? getErrorMessage(thrown),
      ...omitUndefined({ notSent: code && NOT_SENT_CODES.has(code) ? true : undefined }),
    };
  }
}

/** Reads a body of at most `limit` UTF-16 units; undefined for a longer or broken one: the status counts. */
export async function readBody({ body }: Response, limit: number): Promise<string | undefined> {
  if (limit === 0) await body?.cancel();
  if (limit === 0 || !body) return undefined;
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
      if (text.length > limit) return void (await reader.cancel());
    }
  } catch {
    return undefined;
  }
}

/**
 * Creates the headers of a post signed according to Standard Webhooks. `id` must be the same on each attempt, so that a
 * receiver recognises repeats.
 */
export function createSignedHeaders(secret: string, id: string, now: Ms, payload: string): Record<string, string> {
  const timestamp = new Date(now);
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, timestamp, payload),
  };
}

/** The key of a forwarded event's receipt. */
export function forwardReceiptKey(job: string): StoreKey {
  return `forwarded:${encodeURI(job)}`;
}

/** The key of the record of a discarded job. */
export function discardedJobKey(queue: Queue, job: string): StoreKey {
  return `discarded:${queue}:${encodeURI(job)}`;
}

/** Creates the record of a discarded job, which is kept as long as the decision log that shows it. */
export function createDiscardedJobPut(queue: Queue, job: string, at: Ms): Put {
  return { key: discardedJobKey(queue, job), value: { at } satisfies DiscardedJob, expires: DECISION_LOG_MS };
}
