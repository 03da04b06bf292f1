import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import type { Ms } from "../../../shared/time.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { claimHistory, playClaims } from "./model/claims.ts";
import { jobHistory, playJobs } from "./model/jobs.ts";
import {
  createRedisOpener,
  type OpenedStore,
  type OpenStore,
  openMemoryStore,
  openSqliteStore,
} from "./test-stores.ts";

const FULL = process.env["FULL"] !== undefined;
const LIMIT = FULL ? 900_000 : 60_000;

interface Sizes {
  runs: number;
  /** Whether a restart makes the leases of taken jobs void. */
  voids: boolean;
}

function defineModelTests(open: OpenStore, { runs, voids }: Sizes) {
  let opened: OpenedStore | undefined;
  let run = 0;

  async function close() {
    await opened?.end();
    opened = undefined;
  }
  afterEach(close);

  /** One store for all runs, because opening costs more than a run; after a failure a fresh one, so that shrinking is honest. */
  async function onStore(remember: Ms, play: (opened: OpenedStore, run: string) => Promise<void>) {
    opened ??= await open({ remember });
    run += 1;
    try {
      await play(opened, `r${run}`);
    } catch (error) {
      await close();
      throw error;
    }
  }

  test(
    "REL-11 any history of claim, renew, expire, crash, release and write has one owner and growing tokens",
    async () => {
      const property = fc.asyncProperty(claimHistory, (history) =>
        onStore(5_000, (one, name) => playClaims(one, name, history)),
      );
      await fc.assert(property, { numRuns: runs });
    },
    LIMIT,
  );

  test(
    "any history of jobs loses none, never leases one twice at once and keeps the order of each lane",
    async () => {
      const property = fc.asyncProperty(jobHistory, (history) =>
        onStore(5_000, async (one) => {
          // The ids of the run before are forgotten by now.
          one.time.now += 10_000;
          await playJobs(one, history, { voids });
        }),
      );
      await fc.assert(property, { numRuns: runs });
    },
    LIMIT,
  );
}

describe("the model of the memory store", () =>
  defineModelTests(openMemoryStore, { runs: FULL ? 10_000 : 300, voids: false }));

describe("the model of the embedded store", () =>
  defineModelTests(openSqliteStore, { runs: FULL ? 10_000 : 80, voids: true }));

describe.skipIf(!hasRedisServer())("the model of the Redis store", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  defineModelTests(
    createRedisOpener(() => redis),
    { runs: FULL ? 10_000 : 60, voids: false },
  );
});
