import { afterAll, beforeAll, describe } from "vitest";
import { pickSize } from "../../reliability/random-source.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { defineModelTests, defineStoreContract } from "./store-contract.ts";
import { createRedisOpener, openMemoryStore, openSqliteStore } from "./test-stores.ts";

const createSizes = (runs: number, voids = false) => ({ runs: pickSize(10_000, runs), voids });

describe("REL-11 the model of the memory store", () => defineModelTests(openMemoryStore, createSizes(100)));

describe("REL-11 the model of the embedded store", () => defineModelTests(openSqliteStore, createSizes(40, true)));

describe.skipIf(!hasRedisServer())("a Redis", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  const open = createRedisOpener(() => redis);

  describe("the Redis store", () => defineStoreContract(open));

  describe("REL-11 the model of the Redis store", () => defineModelTests(open, createSizes(30)));
});
