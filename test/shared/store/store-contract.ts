import { afterEach } from "vitest";
import { defineBucketContract } from "./contract/buckets.ts";
import { defineCommitContract } from "./contract/commits.ts";
import { defineHoldContract } from "./contract/holds.ts";
import { defineJobContract } from "./contract/jobs.ts";
import { defineJsonContract } from "./contract/json.ts";
import { defineLaneContract } from "./contract/lanes.ts";
import { defineLeaseContract } from "./contract/leases.ts";
import { defineValueContract } from "./contract/values.ts";
import type { OpenedStore, OpenStore } from "./opened-store.ts";

/** Holds an engine to the sentences of the port. */
export function defineStoreContract(open: OpenStore) {
  const opened: OpenedStore[] = [];
  afterEach(async () => {
    for (const { end } of opened.splice(0)) await end();
  });
  const fresh: OpenStore = async (options) => {
    const one = await open(options);
    opened.push(one);
    return one;
  };

  defineValueContract(fresh);
  defineJsonContract(fresh);
  defineCommitContract(fresh);
  defineLeaseContract(fresh);
  defineJobContract(fresh);
  defineLaneContract(fresh);
  defineBucketContract(fresh);
  defineHoldContract(fresh);
}
