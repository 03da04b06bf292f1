import fc from "fast-check";
import { afterEach, test } from "vitest";
import { defineBucketContract } from "./contract/buckets.ts";
import { defineCommitContract } from "./contract/commits.ts";
import { defineJobContract } from "./contract/jobs.ts";
import { defineValueContract } from "./contract/values.ts";
import { claimHistory, playClaims } from "./model/claims.ts";
import { jobHistory, playJobs } from "./model/jobs.ts";
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
  for (const define of [defineValueContract, defineCommitContract, defineJobContract, defineBucketContract])
    define(fresh);
}

interface Sizes {
  runs: number;
  /** Whether a restart makes the leases of taken jobs void. */
  voids: boolean;
}

/** Plays random histories on an engine; its restarts are part of them. */
export function defineModelTests(open: OpenStore, { runs, voids }: Sizes) {
  let opened: OpenedStore | undefined;
  let run = 0;

  async function close() {
    await opened?.end();
    opened = undefined;
  }
  afterEach(close);

  /** One store for all runs, because opening costs more than a run; after a failure a fresh one, so that shrinking is honest. */
  async function onStore(play: (opened: OpenedStore, run: string) => Promise<void>) {
    opened ??= await open({ remember: 5_000 });
    run += 1;
    try {
      await play(opened, `r${run}`);
    } catch (error) {
      await close();
      throw error;
    }
  }

  test("any history of claim, renew, expire, crash, release and write has one owner and growing tokens", async () => {
    const property = fc.asyncProperty(claimHistory, (history) =>
      onStore((one, name) => playClaims(one, name, history)),
    );
    await fc.assert(property, { numRuns: runs });
  }, 900_000);

  test("any history of jobs loses none, never leases one twice at once and keeps the order of each lane", async () => {
    const property = fc.asyncProperty(jobHistory, (history) =>
      onStore(async (one) => {
        // The ids of the run before are forgotten by now.
        one.time.now += 10_000;
        await playJobs(one, history, voids);
      }),
    );
    await fc.assert(property, { numRuns: runs });
  }, 900_000);
}
