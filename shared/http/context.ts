import type { LogFields } from "../log.ts";
import type { Caller } from "../work/context/caller.ts";

declare module "hono" {
  /** What the shell gives every handler. */
  interface ContextVariableMap {
    /** Goes from this request to everything it causes. */
    correlation: string;
    /** The client's address, proxies we trust seen through. */
    client: string;
    /** Who calls, on routes for agents. */
    caller: Caller;
    /** What the request's own line in the log shall say besides. */
    told?: LogFields;
  }
}

/** What a host may give with a request. */
export interface HostBindings {
  /**
   * Its whole body, read once, where that costs less than by the Request; only for an announced length within a limit.
   * Rejects with `BreakConnection` when the sender goes away.
   */
  whole?: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Thrown when a request must get no HTTP answer at all: the runtime breaks the connection instead.
 * Plane counts every answer as delivered, also a 500, and repeats only what was not answered.
 */
export class BreakConnection extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "BreakConnection";
  }
}
