import { afterAll, beforeAll, describe } from "vitest";
import { redisIsHere, startRedis, type TestRedis } from "../../redis.ts";
import { storeContract } from "./contract.ts";
import { openRedis } from "./engine.ts";

describe.skipIf(!redisIsHere())("the Redis store", () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  storeContract(openRedis(() => redis));
});
