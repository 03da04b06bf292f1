import { expect, test } from "vitest";
import { checkStore } from "../../../functions/doctor/store.ts";

const HEALTHY_REDIS = {
  redis_version: "7.0.15",
  role: "master",
  cluster_enabled: "0",
  aof_enabled: "1",
  aof_last_write_status: "ok",
  maxmemory_policy: "noeviction",
};

const HEALTHY_FILE_STORE = { kind: "file", folder: "data", mode: 0o700, file: true, writable: true } as const;

test.each([
  [{}, "ok", "Redis 7.0.15 with an append-only file and noeviction"],
  [{ aof_enabled: "0" }, "warning", "append-only"],
  [{ redis_version: "6.2.14" }, "failed", "6.2.14 is too old"],
  [{ aof_last_write_status: "err" }, "failed", "cannot write"],
] as const)(
  "The doctor's check of the store with Redis settings that differ in %j has the status %s",
  (differs, status, detail) => {
    const checks = checkStore({ kind: "redis", info: { ...HEALTHY_REDIS, ...differs } }, { isAlive: false });
    expect(checks).toEqual([expect.objectContaining({ status, detail: expect.stringContaining(detail) })]);
  },
);

test.each([
  [HEALTHY_FILE_STORE, true, "ok", "opened by the running Groundcrew"],
  [HEALTHY_FILE_STORE, false, "ok", "contains the embedded file"],
  [{ ...HEALTHY_FILE_STORE, mode: undefined }, false, "warning", "does not exist; Groundcrew would create it"],
  [{ ...HEALTHY_FILE_STORE, mode: undefined }, true, "failed", "does not exist, although Groundcrew is running"],
  [{ ...HEALTHY_FILE_STORE, file: false }, true, "failed", "contains no store, although Groundcrew is running"],
  [{ ...HEALTHY_FILE_STORE, disk: { free: 5e8, size: 1e12 } }, true, "warning", "has only 476 MiB free"],
  [{ ...HEALTHY_FILE_STORE, disk: { free: 4096, size: 1e12 } }, false, "failed", "is full"],
  [{ ...HEALTHY_FILE_STORE, mode: 0o755 }, false, "warning", "other users of this machine"],
  [{ kind: "memory" }, false, "warning", "lost with every restart"],
] as const)(
  "The doctor's check of the store for %j, with the runtime alive: %s, has the status %s",
  (probe, isAlive, status, detail) => {
    expect(checkStore(probe, { isAlive })).toEqual([
      expect.objectContaining({ status, detail: expect.stringContaining(detail) }),
    ]);
  },
);
