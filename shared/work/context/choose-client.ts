import type { PlaneClient } from "../../plane/client.ts";
import { MINUTE } from "../../time.ts";
import type { CallContext } from "./call-context.ts";
import { isAgent } from "./caller.ts";

/** Limit of one agent's requests outside of its pace: 30 a minute, half of Plane's default quota for one API key. */
const MAX_UNPACED_REQUESTS = 30;

/**
 * Returns the client for requests that either key may make: reads, and writes of which Plane shows no author. With
 * Groundcrew's own key they need not wait for the agent's turn. An agent that has used up its limit uses its own key, at
 * its pace of one request per second (OPENCLAW-20), so that it does not use up Groundcrew's quota. `requests` is the
 * number of requests that follow.
 */
export async function chooseClient(
  { deps, caller, plane, systemPlane }: CallContext,
  requests = 1,
): Promise<PlaneClient> {
  if (!isAgent(caller)) return plane;
  const bucket = `unpaced:${encodeURIComponent(caller.name)}`;
  const wait = await deps.store.spend(bucket, requests, MAX_UNPACED_REQUESTS, MINUTE);
  return wait === 0 ? systemPlane : plane;
}
