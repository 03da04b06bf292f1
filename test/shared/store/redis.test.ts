import { afterAll, beforeAll, describe } from "vitest";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { defineStoreContract } from "./store-contract.ts";
import { createRedisOpener } from "./test-stores.ts";

describe.skipIf(!hasRedisServer())("the Redis store", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  defineStoreContract(createRedisOpener(() => redis));
});
