/** What a test reads from the in-memory Plane and how it makes it misbehave. */

import type { Ms } from "../../shared/time.ts";
import type { Id, Ref } from "./types.ts";

/** One HTTP request Plane received, in the order of the answers. */
export interface LedgerRequest {
  at: Ms;
  /** The user whose key or session it was; null when unknown. */
  owner: Id | null;
  /** True for `/api/v1`, with a valid key. */
  api: boolean;
  method: string;
  /** With the query. */
  path: string;
  /** 0: no HTTP answer was given (dropped, half-open, Plane down). */
  status: number;
}
/** One attempt to deliver a webhook. */
export interface LedgerDelivery {
  at: Ms;
  webhook: Id;
  /** X-Plane-Delivery of this attempt. */
  delivery: Id;
  event: string;
  action: string;
  field: string | null;
  body: string;
  /** 1 is the first. */
  attempt: number;
  /** `answered` counts as delivered whatever the status. */
  outcome: "answered" | "no answer" | "dropped by the test";
  status: number | null;
}
export interface Ledger {
  readonly requests: readonly LedgerRequest[];
  readonly deliveries: readonly LedgerDelivery[];
  clear(): void;
}

export interface PendingDelivery {
  /** Names this pending delivery to the methods below; not the header. */
  readonly id: Id;
  readonly webhook: Id;
  readonly url: string;
  readonly event: string;
  readonly action: string;
  readonly field: string | null;
  /** The item, comment, project or cycle it is about. */
  readonly about: Id;
  readonly body: string;
  /** Attempts made so far. */
  readonly attempts: number;
  /** Not before this time: retries, and what a test delayed. */
  readonly due: Ms;
}
export interface DeliveryAttempt {
  delivery: PendingDelivery;
  outcome: LedgerDelivery["outcome"];
  status: number | null;
}

/** The deliveries the worker has written (their body is fixed) and not yet got rid of. */
export interface DeliveryControl {
  /** In the order in which they would be sent. */
  readonly pending: readonly PendingDelivery[];
  /** Sends the first that is due (or the named one, due or not). Undefined when none is. */
  sendNext(id?: Id): Promise<DeliveryAttempt | undefined>;
  /** Sends all that are due, one after another, until none is due. Retries wait for their time. */
  sendAll(): Promise<DeliveryAttempt[]>;
  /** Sends what is due now with so many in flight at once. */
  sendConcurrently(inFlight: number): Promise<DeliveryAttempt[]>;
  /** Forgets it: a lost webhook. */
  drop(id: Id): void;
  dropAll(): void;
  /** Puts the same body in again, right behind it; a further attempt has a fresh X-Plane-Delivery anyhow. */
  duplicate(id: Id): PendingDelivery;
  /** Makes it wait so long from now. */
  delay(id: Id, wait: Ms): void;
  /** The pending ids in the order wanted; those not named come after, in their order. */
  reorder(ids: readonly Id[]): void;
}

export interface RequestMatch {
  method?: string;
  /** A string must be contained in the path (with query), an expression must match it. */
  path?: string | RegExp;
  /** The user whose key it is. */
  owner?: Ref;
}
export type PlaneFault =
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  | { kind: "rate limited"; retryAfter: number }
  /** Accepts the request and never answers; the socket stays open until the client or `stop()` ends it. */
  | { kind: "half-open" }
  /** 200 with the real body cut in the middle. */
  | { kind: "truncated" }
  /** 200 with a page of HTML. */
  | { kind: "html" }
  /** Answers properly, but so many milliseconds of real time late. */
  | { kind: "slow"; wait: Ms }
  /** Breaks the connection without an answer. */
  | { kind: "drop" }
  /** Does what was asked, then breaks the connection: the client cannot know. */
  | { kind: "drop after" };

export interface FaultControl {
  /** Applies to the next `times` matching requests (default: all) until undone. The first matching fault wins. */
  add(match: RequestMatch, fault: PlaneFault, times?: number): () => void;
  clear(): void;
  /** Awaited in an edit over HTTP while the named rows are deleted and not yet inserted again: a read in here sees none. */
  duringEdit(hook: ((item: Id) => void | Promise<void>) | undefined): void;
  /** Awaited before each API request is handled, for example to let something happen in between. */
  beforeRequest(hook: ((request: { method: string; path: string }) => void | Promise<void>) | undefined): void;
}
