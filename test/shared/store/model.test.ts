import { afterAll, beforeAll, describe } from "vitest";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { defineModelTests } from "./model-tests.ts";
import { createRedisOpener, openMemoryStore, openSqliteStore } from "./test-stores.ts";

const FULL = process.env["FULL"] !== undefined;
const LIMIT = FULL ? 900_000 : 60_000;

describe("REL-11 the model of the memory store", () =>
  defineModelTests(openMemoryStore, { runs: FULL ? 10_000 : 150, voids: false, limit: LIMIT }));

describe("REL-11 the model of the embedded store", () =>
  defineModelTests(openSqliteStore, { runs: FULL ? 10_000 : 80, voids: true, limit: LIMIT }));

describe.skipIf(!hasRedisServer())("REL-11 the model of the Redis store", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  defineModelTests(
    createRedisOpener(() => redis),
    { runs: FULL ? 10_000 : 60, voids: false, limit: LIMIT },
  );
});
