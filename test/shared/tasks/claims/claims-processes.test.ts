import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openStore } from "../../../../runtime/stores/open-store.ts";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import type { Store } from "../../../../shared/store/port.ts";
import { createCallContext } from "../../../../shared/tasks/call-context.ts";
import { toClaimPut } from "../../../../shared/tasks/claim-lease.ts";
import { claimTask } from "../../../../shared/tasks/claims.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { hasRedisServer, startRedis, type TestRedis } from "../../../support/redis-server.ts";
import { getTestProgram } from "../../../support/test-programs.ts";
import { createClaimDeps, storeTask } from "./claim-deps.ts";

const rounds = process.env["FULL"] === undefined ? 1 : 100;

let redis: TestRedis;
let store: Store;
beforeAll(async () => {
  if (!hasRedisServer()) return;
  redis = await startRedis();
  store = await openStore(redis.url, { prefix: "claims" });
});
afterAll(async () => {
  await store?.close();
  await redis?.stop();
});

/** A bridge in a separate process; see claims-child.ts. */
async function startClaimsProcess(name: string) {
  const args = ["--disable-warning=ExperimentalWarning", getTestProgram("claims"), redis.url, name];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  onTestFinished(async () => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  });
  const next = async () => (await lines.next()).value ?? "";
  expect(await next()).toBe("open");
  return {
    tell: (line: string) => void child.stdin.write(`${line}\n`),
    next,
    freeze: () => child.kill("SIGSTOP"),
    thaw: () => child.kill("SIGCONT"),
  };
}

test.skipIf(!hasRedisServer())(
  `REL-7 when 1,000 agents claim one task through 4 processes, one wins and the refusals of the others name it (rounds: ${rounds})`,
  async () => {
    const names = ["a", "b", "c", "d"];
    const owners = names.flatMap((name) => Array.from({ length: 250 }, (_, nth) => `${name}-${nth}`));
    const bridges = await Promise.all(names.map(startClaimsProcess));
    for (let round = 0; round < rounds; round++) {
      const item = `race-${round}`;
      await storeTask(store, item, owners);
      const won: string[] = [];
      let refused = 0;
      for (const bridge of bridges) bridge.tell(`race ${item}`);
      await Promise.all(
        bridges.map(async ({ next }) => {
          for (let line = await next(); ; line = await next()) {
            if (line.startsWith("won ")) won.push(line.slice(4));
            if (!line.startsWith("asked ")) continue;
            refused += Number(line.slice(6));
            return;
          }
        }),
      );
      const stored = await findClaim({ store }, item);
      expect(won).toEqual([`${stored?.agent} ${stored?.fence}`]);
      expect(refused).toBe(999);
    }
  },
  300_000,
);

test.skipIf(!hasRedisServer())(
  "REL-8 a process suspended past its lease and resumed starts no write under the old claim",
  async () => {
    await storeTask(store, "frozen", ["slow-0", "other"]);
    const bridge = await startClaimsProcess("slow");
    bridge.tell("claim frozen");
    expect(await bridge.next()).toBe("claimed");
    bridge.tell("write");
    expect(await bridge.next()).toBe("written");

    bridge.freeze();
    bridge.tell("write");
    // The server's clock cannot be moved, so the end of the claim is moved.
    const claim = (await findClaim({ store }, "frozen")) ?? expect.fail("nobody holds the task");
    await store.commit({ put: [toClaimPut({ ...claim, until: Date.now() - 1 })] });
    const deps = await createClaimDeps(store);
    const task = (await findStoredTask(deps, "frozen")) ?? expect.fail("the task is kept");
    const other = await claimTask(createCallContext(deps, { name: "other", role: "worker" }), task);
    bridge.thaw();

    expect(await bridge.next()).toMatch(/^refused You lost ONB-1, which you held .* the claim expired/);
    for (let i = 0; i < 3; i++) {
      bridge.tell("write");
      expect(await bridge.next()).toMatch(/^refused ONB-1 is held by other/);
    }
    expect(await findClaim({ store }, "frozen")).toMatchObject({ agent: "other", fence: other.fence });
  },
  60_000,
);
