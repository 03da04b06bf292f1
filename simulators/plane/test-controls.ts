/** The ledger, webhook deliveries and faults of the simulated Plane, as tests read and control them. */

import type { Ms } from "../../shared/time.ts";
import type { Id, Ref } from "./types.ts";

/** One received HTTP request. The ledger is in the order of the answers. */
export interface LedgerRequest {
  at: Ms;
  /** The user whose API key or session it was; null when unknown. */
  owner: Id | null;
  /** True for `/api/v1`, with a valid key. */
  api: boolean;
  method: string;
  /** The path with the query. */
  path: string;
  /** HTTP status of the answer; 0 when none was sent because of a fault. */
  status: number;
}
/** One attempt to deliver a webhook. */
export interface LedgerDelivery {
  at: Ms;
  webhook: Id;
  /** The X-Plane-Delivery header of this attempt. */
  delivery: Id;
  event: string;
  action: string;
  field: string | null;
  body: string;
  /** Number of the attempt, beginning with 1. */
  attempt: number;
  /** Plane counts `answered` as delivered, whatever the status. */
  outcome: "answered" | "no answer" | "dropped by the test";
  status: number | null;
}
export interface Ledger {
  readonly requests: readonly LedgerRequest[];
  readonly deliveries: readonly LedgerDelivery[];
  clear(): void;
}

export interface PendingDelivery {
  /** Identifies the pending delivery in the methods below; it is not the header. */
  readonly id: Id;
  readonly webhook: Id;
  readonly url: string;
  readonly event: string;
  readonly action: string;
  readonly field: string | null;
  /** Id of the item, comment, project, cycle or module that the event is about. */
  readonly about: Id;
  readonly body: string;
  /** Attempts made so far. */
  readonly attempts: number;
  /** Earliest time of the next attempt. It is later than now for retries and deliveries that a test delayed. */
  readonly due: Ms;
}
export interface DeliveryAttempt {
  delivery: PendingDelivery;
  outcome: LedgerDelivery["outcome"];
  status: number | null;
}

/** The webhook deliveries that the worker has written and Plane has not yet delivered. Their body is fixed. */
export interface DeliveryControl {
  /** The pending deliveries, in the order in which they are sent. */
  readonly pending: readonly PendingDelivery[];
  /** Sends the first due delivery, or the one with this id even if it is not due. Undefined when there is none. */
  sendNext(id?: Id): Promise<DeliveryAttempt | undefined>;
  /** Sends all due deliveries, one after the other. Retries wait for their time. */
  sendAll(): Promise<DeliveryAttempt[]>;
  /** Sends all due deliveries, `inFlight` at the same time. */
  sendConcurrently(inFlight: number): Promise<DeliveryAttempt[]>;
  /** Removes a delivery without sending it: a lost webhook. */
  drop(id: Id): void;
  dropAll(): void;
  /** Adds the same body again, right after the first one. As every attempt it has a new X-Plane-Delivery header. */
  duplicate(id: Id): PendingDelivery;
  /** Delays a delivery by `wait` from now. */
  delay(id: Id, wait: Ms): void;
  /** Moves these deliveries to the front, in this order. The others follow in their order. */
  reorder(ids: readonly Id[]): void;
}

export interface RequestMatch {
  method?: string;
  /** The path with its query must contain the string or match the expression. */
  path?: string | RegExp;
  /** The user whose API key the request has. */
  owner?: Ref;
}
export type PlaneFault =
  | { kind: "status"; status: number; headers?: Record<string, string>; body?: string }
  | { kind: "rate limited"; retryAfter: number }
  /** Accepts the request and never answers; the socket stays open until the client or `stop()` ends it. */
  | { kind: "half-open" }
  /** Answers 200 with the first half of the real body. */
  | { kind: "truncated" }
  /** Answers 200 with an HTML page. */
  | { kind: "html" }
  /** Answers correctly after `wait` milliseconds of real time. */
  | { kind: "slow"; wait: Ms }
  /** Breaks the connection before the request is handled. */
  | { kind: "drop" }
  /** Handles the request, then breaks the connection: the client cannot know whether it was handled. */
  | { kind: "drop after" };

export interface FaultControl {
  /**
   * Injects a fault into the next `times` matching requests (default: all). The first matching fault applies. Returns
   * a function that removes the fault.
   */
  add(match: RequestMatch, fault: PlaneFault, times?: number): () => void;
  clear(): void;
  /**
   * Sets the hook that an edit over HTTP awaits while its assignee and label rows are deleted: a read in the hook sees
   * none.
   */
  duringEdit(hook: ((item: Id) => void | Promise<void>) | undefined): void;
  /** Sets the hook that is awaited before each request is handled, for example to change data in between. */
  beforeRequest(hook: ((request: { method: string; path: string }) => void | Promise<void>) | undefined): void;
}
