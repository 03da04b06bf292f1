import type { ZodType } from "zod";
import type { Ms } from "../time.ts";
import type { CallPriority } from "./quota.ts";

/** One call of Plane's API: its route and the schema of its answer. */
export interface Endpoint<A> {
  /** The name of the call in metrics and errors, for example `work_items_list`. */
  operation: string;
  method: "GET" | "POST" | "PATCH" | "DELETE";
  /** The route pattern; `:workspace` is filled in by the client, every other `:name` from `params`. */
  path: string;
  answer: ZodType<A>;
}

export interface PlaneCallOptions {
  params?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  json?: Record<string, unknown>;
  /**
   * Background calls leave part of the quota to interactive ones and wait when their part is used up. Spare calls give
   * way to both, are spread over the minute, and do not wait by default. Default: background.
   */
  priority?: CallPriority;
  /** Total time that these calls may wait for the quota. Each wait is subtracted from `left`. */
  waitBudget?: { left: Ms };
  /** Sends the request once only; a failure is not repeated. */
  retries?: false;
  /** Runs right before each attempt to send the request. An error that it throws ends the call. */
  beforeSend?: () => Promise<void>;
}

export interface PlaneAnswer<A> {
  data: A;
  /** Plane's clock at the time of the answer: its `Date` header as ISO 8601 (whole seconds). */
  date: string;
}

export interface PlanePage<R> {
  results: R[];
  total_count: number;
  next_cursor: string;
  next_page_results: boolean;
}

export interface PlaneCapabilities {
  version: string;
  /** False on v1.2.x, whose API has no relations. */
  relations: boolean;
}

/**
 * A thin client of Plane's public API. Each call is one request with a quota, a timeout of 30 s and retries. It throws
 * a `PlaneError` (see errors.ts), with one class for each way to handle it.
 */
export interface PlaneClient {
  call<A>(endpoint: Endpoint<A>, options?: PlaneCallOptions): Promise<PlaneAnswer<A>>;
  /** The pages of a list. Each page is requested only when the iteration reaches it. */
  pages<R>(endpoint: Endpoint<PlanePage<R>>, options?: PlaneCallOptions): AsyncIterable<PlaneAnswer<PlanePage<R>>>;
  /** What the server supports; cached for a day. */
  capabilities(): Promise<PlaneCapabilities>;
}
