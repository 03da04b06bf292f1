import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../../../runtime/stores/open-store.ts";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { hasRedisServer, startRedis } from "../../../support/redis-server.ts";
import { getTestProgram } from "../../../support/test-programs.ts";
import { storeTask } from "./claim-deps.ts";

const rounds = process.env["FULL"] === undefined ? 1 : 100;

/** A bridge in a separate process; see claims-child.ts. */
async function startClaimsProcess(url: string, name: string) {
  const args = ["--disable-warning=ExperimentalWarning", getTestProgram("claims"), url, name];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  onTestFinished(async () => {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  });
  const next = async () => (await lines.next()).value ?? "";
  expect(await next()).toBe("open");
  return { tell: (line: string) => void child.stdin.write(`${line}\n`), next };
}

test(`REL-7 when 1,000 agents claim one task through 4 processes, one wins and the refusals of the others name it (rounds: ${rounds})`, async (context) => {
  context.skip(!hasRedisServer());
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const store = await openStore(redis.url, { prefix: "claims" });
  onTestFinished(() => store.close());
  const names = ["a", "b", "c", "d"];
  const owners = names.flatMap((name) => Array.from({ length: 250 }, (_, nth) => `${name}-${nth}`));
  const bridges = await Promise.all(names.map((name) => startClaimsProcess(redis.url, name)));
  for (let round = 0; round < rounds; round++) {
    const item = `race-${round}`;
    await storeTask(store, item, owners);
    const won: string[] = [];
    let refused = 0;
    for (const bridge of bridges) bridge.tell(item);
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
}, 300_000);
