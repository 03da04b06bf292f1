import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runDoctor } from "../../runtime/doctor/run-doctor.ts";
import { hasProgram } from "../support/has-program.ts";
import { spawnWithItems } from "./spawned-runtime.ts";

/** Changes the limits of a running process (util-linux); it needs no privileges for processes of the same user. */
const LIMITER = "prlimit";

const HEALTHY = { health: 200, ready: 200, isUp: "1", store: { ok: true } };

test("reliability 31: a store file that cannot grow breaks webhooks' connections, makes /health, /ready, the gauge and the doctor report it, and recovers by itself", async (context) => {
  context.skip(!hasProgram(LIMITER));
  const { simulators, items, runtime, deliver } = await spawnWithItems(1);
  /** Limits the size of files that the process can write; beyond it every write fails, as on a full disk. */
  const limitFiles = (bytes: number | "unlimited") =>
    execFileSync(LIMITER, ["--pid", String(runtime.pid), `--fsize=${bytes}:unlimited`]);
  const look = async () => {
    await runtime.request("/ticks/store", { method: "POST" });
    const [health, ready] = [await runtime.request("/health"), await runtime.request("/ready")];
    const metrics = await (await runtime.request("/metrics")).text();
    const { store } = (await ready.json()) as { store: unknown };
    const isUp = /^groundcrew_store_up (\d)/m.exec(metrics)?.[1];
    return { health: health.status, ready: ready.status, isUp, store };
  };
  expect(await look()).toMatchObject(HEALTHY);
  limitFiles(statSync(join(runtime.folder, "data", "groundcrew.db-wal")).size);
  const error = expect.stringMatching(/^The store .+ failed/);
  expect(await look()).toMatchObject({ health: 503, ready: 503, isUp: "0", store: { ok: false, error } });

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
  const detail = expect.stringMatching(/^the running Groundcrew cannot use it: The store .+ failed/);
  expect(checks).toContainEqual(expect.objectContaining({ name: "store", status: "failed", detail }));

  simulators.plane.editItem(items[0] ?? "", { state: "Done" });
  const [body = ""] = simulators.takeWebhookBodies();
  await expect(deliver(body)).rejects.toThrow("fetch failed");
  limitFiles("unlimited");
  expect((await deliver(body)).status).toBe(200);
  await look();
  expect(await look()).toMatchObject(HEALTHY);
});
