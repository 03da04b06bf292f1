import type { ZodType } from "zod";
import type { Ms } from "../time.ts";
import type { CallPriority } from "./quota.ts";

/** One call of Plane's API: where it goes and what comes back. */
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
   * Background calls leave a part of the quota to interactive ones, and wait for their turn; calls from the spare part
   * leave half of it to all others and do not wait. Default: background.
   */
  priority?: CallPriority;
  /** How long these calls may wait for their turns, all together: what is left is written back into it. */
  waitBudget?: { left: Ms };
  /** Runs right before each sending of the request, also a repeated one; what it throws ends the call. */
  beforeSend?: () => Promise<void>;
}

export interface PlaneAnswer<A> {
  data: A;
  /** Plane's own clock when it answered: its `Date` header as ISO 8601 (whole seconds). */
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
 * The thin Plane client. Each call is one request with its quota, its 30 s limit and its retries;
 * it throws a `PlaneError` (see errors.ts) of one class per way to go on.
 */
export interface PlaneClient {
  call<A>(endpoint: Endpoint<A>, options?: PlaneCallOptions): Promise<PlaneAnswer<A>>;
  /** The pages of a list, one request each, as they are asked for; stop iterating to stop asking. */
  pages<R>(endpoint: Endpoint<PlanePage<R>>, options?: PlaneCallOptions): AsyncIterable<PlaneAnswer<PlanePage<R>>>;
  /** Found out once and remembered; asked again after a day. */
  capabilities(): Promise<PlaneCapabilities>;
}
