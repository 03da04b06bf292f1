import type { Item } from "../simulators/plane/types.ts";
import type { BenchSimulators } from "./simulators.ts";
import { sleep } from "./wait.ts";

/** Interval between an agent's requests, as in the product. */
export const PACE_MS = 1_020;

/** The requests that a call cannot do without. */
export interface Floor {
  name: string;
  /** The first ones are sent at once; with `paced`, each further one waits for the pace. */
  requests: readonly BareRequest[];
  paced: boolean;
}

/** `read` reads the item; the others write a comment and change the item, as any tool that writes. */
type BareRequest = "read" | "comment" | "edit";

export const READ_FLOOR: Floor = { name: "one bare read", requests: ["read"], paced: false };
export const TWO_READS_FLOOR: Floor = { name: "two bare reads in turn", requests: ["read", "read"], paced: false };
export const ONE_WRITE_FLOOR: Floor = { name: "one bare write", requests: ["comment"], paced: true };
export const TWO_WRITES_FLOOR: Floor = {
  name: "two bare writes at the agent's pace",
  requests: ["edit", "comment"],
  paced: true,
};

/** Sends the requests of a floor one after the other; returns the milliseconds that they took. */
export async function sendBareRequests(
  { plane }: BenchSimulators,
  { id, project }: Item,
  key: string,
  { requests, paced }: Floor,
): Promise<number> {
  const root = `${plane.url}/api/v1/workspaces/${plane.workspace.slug}/projects/${project}/work-items/${id}/`;
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const startedAt = performance.now();
  for (const [n, request] of requests.entries()) {
    if (paced) await sleep(Math.max(0, startedAt + n * PACE_MS - performance.now()));
    const response = await fetch(...toFetchArguments(request, root, headers));
    await response.text();
    if (!response.ok) throw new Error(`Plane answered a bare request with ${response.status}`);
  }
  return performance.now() - startedAt;
}

function toFetchArguments(
  request: BareRequest,
  root: string,
  headers: Record<string, string>,
): [url: string, init: RequestInit] {
  if (request === "read") return [root, { headers }];
  if (request === "edit") return [root, { method: "PATCH", headers, body: JSON.stringify({ priority: "low" }) }];
  return [`${root}comments/`, { method: "POST", headers, body: JSON.stringify({ comment_html: "<p>Bare.</p>" }) }];
}
