import { afterEach } from "vitest";
import { bucketContract } from "./contract/buckets.ts";
import { commitContract } from "./contract/commits.ts";
import { jobContract } from "./contract/jobs.ts";
import { jsonContract } from "./contract/json.ts";
import { keptContract } from "./contract/kept.ts";
import { laneContract } from "./contract/lanes.ts";
import { leaseContract } from "./contract/leases.ts";
import type { Open, Opened } from "./engine.ts";

/** Holds an engine to the sentences of the port. */
export function storeContract(open: Open) {
  const opened: Opened[] = [];
  afterEach(async () => {
    for (const { end } of opened.splice(0)) await end();
  });
  const fresh: Open = async (options) => {
    const one = await open(options);
    opened.push(one);
    return one;
  };

  keptContract(fresh);
  jsonContract(fresh);
  commitContract(fresh);
  leaseContract(fresh);
  jobContract(fresh);
  laneContract(fresh);
  bucketContract(fresh);
}
