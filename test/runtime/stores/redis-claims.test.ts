import { afterAll, beforeAll, expect, test } from "vitest";
import { hasRedisServer, startRedis, type TestRedis } from "../../support/redis-server.ts";
import { startStoreProcess } from "./store-process.ts";

const rounds = process.env["FULL"] === undefined ? 10 : 100;
let redis: TestRedis;
beforeAll(async () => {
  if (hasRedisServer()) redis = await startRedis();
});
afterAll(() => redis?.stop());

test.skipIf(!hasRedisServer())(
  `REL-7 of 1,000 claims on one task from 4 processes one wins, ${rounds} times`,
  async () => {
    const fences: number[] = [];
    let asked = 0;
    let roundIsOver = () => {};
    const children = Array.from({ length: 4 }, () =>
      startStoreProcess("claim", redis.url, (line) => {
        if (line.startsWith("won ")) fences.push(Number(line.slice(4)));
        if (line === "asked") asked += 1;
        if (asked === 4) roundIsOver();
      }),
    );
    for (let round = 0; round < rounds; round++) {
      fences.length = 0;
      asked = 0;
      const over = new Promise<void>((resolve) => {
        roundIsOver = resolve;
      });
      for (const child of children) child.sendLine(`claim:${round}`);
      await over;
      expect(fences).toHaveLength(1);
    }
    for (const child of children) child.closeInput();
    await Promise.all(children.map((child) => child.ended));
  },
  60_000,
);
