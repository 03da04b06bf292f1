import type { BucketSpend } from "../store/bucket-operations.ts";
import type { Ms } from "../time.ts";

/** Interval between an agent's requests to Plane: 1 s (OPENCLAW-20) plus 20 ms for uneven network delays. */
export const AGENT_PACE_MS: Ms = 1_020;

/** The bucket of the reads that Groundcrew makes with an agent's key. A hold leaves the agent's turns to its own calls. */
export const toAgentReadsBucket = (agent: string): string => `agent_reads:${encodeURIComponent(agent)}`;

/** The spend that an agent's next request to Plane needs, whatever it is for. */
export function toAgentTurn(agent: string): BucketSpend {
  return { bucket: `agent:${encodeURIComponent(agent)}`, n: 1, limit: 1, window: AGENT_PACE_MS };
}
