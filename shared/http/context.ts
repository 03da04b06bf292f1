import type { LogFields } from "../log.ts";
import type { Caller } from "../work/context/caller.ts";

declare module "hono" {
  /** What the request middleware and the access checks set for handlers. */
  interface ContextVariableMap {
    /** Correlation id of this request and of everything that it causes. */
    correlation: string;
    /** The client's address, taken from X-Forwarded-For where TRUSTED_PROXIES sent the request. */
    client: string;
    /**
     * Address of a peer that sent X-Forwarded-For within the last hour without being in TRUSTED_PROXIES; absent when
     * there was none.
     */
    untrustedProxy?: string;
    /** The calling agent; set on routes with `agent` access only. */
    caller: Caller;
    /** The request is one of many in a second, so its line in the log has the level debug. */
    isFrequent?: true;
    /** Additional fields for the request's line in the log. */
    logFields?: LogFields;
  }
}

/** What a runtime may pass along with a request. */
export interface HostBindings {
  /**
   * Reads the whole body once, where that costs less than reading it from the Request. Call it only for an announced
   * length within a limit. Rejects with `BreakConnection` when the sender disconnects.
   */
  readWholeBody?: () => Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Thrown when a request must get no HTTP response: the runtime breaks the connection instead. Plane counts every
 * response as delivered, even a 500, and repeats only requests without a response.
 */
export class BreakConnection extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = "BreakConnection";
  }
}
