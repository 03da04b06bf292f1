import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { z } from "zod";
import { START_FLAGS } from "../../../bench/start-flags.ts";
import { createIdleCollector } from "../../../runtime/node/process.ts";

/** Creates a collector for a process whose load and CPU time the test sets. */
function createFakeProcess(load: { utilization: number; cpu: number }) {
  let collections = 0;
  const check = createIdleCollector({
    utilization: () => load.utilization,
    cpu: () => load.cpu,
    collect: () => {
      collections += 1;
      load.cpu += 60;
    },
  });
  return { check, collections: () => collections };
}

test("Unused memory is returned to the system once after the work has ended", () => {
  const load = { utilization: 0.6, cpu: 8_000 };
  const { check, collections } = createFakeProcess(load);
  check();
  expect(collections()).toBe(0);
  load.utilization = 0.01;
  check();
  check();
  expect(collections()).toBe(1);
});

test("Unused memory is returned to the system again after more work, but not while idling", () => {
  const load = { utilization: 0.01, cpu: 8_000 };
  const { check, collections } = createFakeProcess(load);
  check();
  load.cpu += 200;
  check();
  expect(collections()).toBe(1);
  load.cpu += 100;
  check();
  expect(collections()).toBe(2);
});

test("Unused memory is returned to the system by a real process with the flags of npm start", () => {
  const program = `import { collectGarbageWhenIdle } from "./runtime/node/process.ts";
      import { mock } from "node:test";
      mock.timers.enable({ apis: ["setInterval"] });
      collectGarbageWhenIdle();
      const until = performance.now() + 1_200;
      let kept = [];
      for (let i = 0; performance.now() < until; i += 1) kept[i % 500] = new Array(10_000).fill(i + 0.5);
      kept = undefined;
      const before = process.memoryUsage().heapTotal;
      mock.timers.tick(10_000);
      setTimeout(() => {
        mock.timers.tick(10_000);
        process.stdout.write(JSON.stringify([before, process.memoryUsage().heapTotal]));
      }, 400);`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [...START_FLAGS, "--input-type=module-typescript", "-e", program],
    {
      encoding: "utf8",
    },
  );
  const [before = 0, after = 0] = z.array(z.number()).parse(JSON.parse(stdout || "[]"));
  expect([stderr, after > 0, after < before / 2]).toEqual(["", true, true]);
});
