import { execFileSync } from "node:child_process";
import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runDoctor } from "../../runtime/doctor/run-doctor.ts";
import { hasProgram } from "../support/has-program.ts";
import { findBotTexts, NO_TELEGRAM_LIMITS, type Simulators, startSimulators } from "./simulators.ts";
import { type SpawnedRuntime, spawnRuntime } from "./spawned-runtime.ts";

const LIMIT_MS = 60_000;
/** Changes the limits of a running process (util-linux); it needs no privileges for processes of the same user. */
const LIMITER = "prlimit";

/** Whether this system can limit the file size of a running process. Always true in CI, so that the test fails there. */
function canLimitFileSize(): boolean {
  return hasProgram(LIMITER);
}

/** Limits the size in bytes of files that a process can write; beyond it every write fails, as on a full disk. */
function limitFileSize(pid: number | undefined, bytes: number | "unlimited") {
  execFileSync(LIMITER, ["--pid", String(pid), `--fsize=${bytes}:unlimited`]);
}

async function startProduct() {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const project = simulators.addProject();
  const [item] = simulators.addItems(project, 1);
  if (!item) throw new Error("no item");
  simulators.takeWebhookBodies();
  const runtime = await spawnRuntime({ env: simulators.env });
  await runtime.poll();
  return { simulators, item, runtime };
}

async function readStatuses(runtime: SpawnedRuntime) {
  const health = await runtime.request("/health");
  const ready = await runtime.request("/ready");
  const metrics = await runtime.request("/metrics");
  const { store } = (await ready.json()) as { store: unknown };
  const isUp = /^groundcrew_store_up (\d)/m.exec(await metrics.text())?.[1];
  return { health: health.status, ready: ready.status, isUp, store };
}

const runStoreTick = (runtime: SpawnedRuntime) => runtime.request("/ticks/store", { method: "POST" });

async function findStoreProblems(runtime: SpawnedRuntime, simulators: Simulators): Promise<string> {
  let out = "";
  const env = {
    ...simulators.env,
    PORT: new URL(runtime.url).port,
    STORE_URL: `file:${runtime.folder}/data`,
    GROUNDCREW_CONFIG: join(runtime.folder, "config.json"),
    SECRETS_FILE: join(runtime.folder, "secrets.json"),
  };
  await runDoctor(["--json"], { env, out: (text) => (out += text), err: () => {} });
  const { checks } = JSON.parse(out) as { checks: { name: string; status: string; detail: string }[] };
  return checks.flatMap(({ name, status, detail }) => (name === "store" ? [`${status}: ${detail}`] : [])).join("\n");
}

const HEALTHY = { health: 200, ready: 200, isUp: "1", store: { ok: true } };

describe.skipIf(!canLimitFileSize())("reliability 31: a store file that cannot grow", () => {
  test(
    "breaks webhooks' connections, makes /health, /ready, the gauge and the doctor report it, and recovers by itself",
    async () => {
      const { simulators, item, runtime } = await startProduct();
      await runStoreTick(runtime);
      expect(await readStatuses(runtime)).toMatchObject(HEALTHY);
      limitFileSize(runtime.pid, statSync(join(runtime.folder, "data", "groundcrew.db-wal")).size);
      await runStoreTick(runtime);
      expect(await readStatuses(runtime)).toMatchObject({
        health: 503,
        ready: 503,
        isUp: "0",
        store: { ok: false, error: expect.stringMatching(/^The store .+ failed/) },
      });
      expect(await findStoreProblems(runtime, simulators)).toMatch(
        /^failed: the running Groundcrew cannot use it: The store .+ failed/,
      );
      simulators.plane.editItem(item, { state: "Done" });
      const [body = ""] = simulators.takeWebhookBodies();
      const deliver = () =>
        runtime.request("/webhooks/plane", {
          method: "POST",
          headers: simulators.createDeliveryHeaders(body),
          body,
        });
      await expect(deliver()).rejects.toThrow("fetch failed");
      limitFileSize(runtime.pid, "unlimited");
      expect((await deliver()).status).toBe(200);
      await runStoreTick(runtime);
      await runStoreTick(runtime);
      expect(await readStatuses(runtime)).toMatchObject(HEALTHY);
    },
    LIMIT_MS,
  );
});

test(
  "A store file that is moved away while the product runs is reported with what to do, and the product starts without it",
  async () => {
    const { simulators, runtime } = await startProduct();
    const path = join(runtime.folder, "data", "groundcrew.db");
    renameSync(path, `${path}.away`);
    await runStoreTick(runtime);
    const message = /was moved away, deleted or replaced.*reads everything from Plane again.*restart Groundcrew/;
    expect(await readStatuses(runtime)).toMatchObject({
      health: 503,
      store: { ok: false, error: expect.stringMatching(message) },
    });
    expect(runtime.output.filter((line) => line.includes("notice began"))).toEqual([
      expect.stringMatching(/"kind":"store_lost"/),
    ]);
    expect(findBotTexts(simulators.telegram, "The store's file was moved")).toHaveLength(1);
    expect(await findStoreProblems(runtime, simulators)).toMatch(
      /^failed: .* contains no store, although Groundcrew is running/,
    );
    await runtime.kill();
    await runtime.start();
    await runStoreTick(runtime);
    expect((await readStatuses(runtime)).health).toBe(200);
  },
  LIMIT_MS,
);

test(
  "A store file that is damaged prevents the start, and the log and the doctor say that it may be moved away",
  async () => {
    const { simulators, runtime } = await startProduct();
    await runtime.kill("SIGTERM");
    const path = join(runtime.folder, "data", "groundcrew.db");
    writeFileSync(path, "not a database, ".repeat(1_000));
    const message = /is damaged.*not a database.*may be moved away.*reads everything from Plane again/;
    await expect(runtime.start()).rejects.toThrow(message);
    expect(await findStoreProblems(runtime, simulators)).toMatch(message);
    rmSync(path);
    await runtime.start();
    expect((await runtime.request("/health")).status).toBe(200);
  },
  LIMIT_MS,
);
