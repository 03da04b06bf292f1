import { describe, expect, it } from "vitest";
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

describe("The doctor judges the store", () => {
  it.each([
    [{}, "ok", "Redis 7.0.15 with an append-only file and noeviction"],
    [{ aof_enabled: "0" }, "warning", "append-only"],
    [{ maxmemory_policy: "allkeys-lru" }, "warning", "allkeys-lru"],
    [{ redis_version: "6.2.14" }, "failed", "6.2.14 is too old"],
    [{ role: "slave" }, "failed", "takes no writes"],
    [{ cluster_enabled: "1" }, "failed", "cluster"],
    [{ aof_last_write_status: "err" }, "failed", "cannot write"],
  ] as const)("Redis that differs in %j: %s", (differs, status, detail) => {
    const checks = checkStore({ kind: "redis", info: { ...HEALTHY_REDIS, ...differs } }, false);
    expect(checks).toEqual([expect.objectContaining({ status, detail: expect.stringContaining(detail) })]);
  });

  it.each([
    [HEALTHY_FILE_STORE, true, "ok", "which the runtime has open"],
    [HEALTHY_FILE_STORE, false, "ok", "which nobody has open"],
    [{ ...HEALTHY_FILE_STORE, mode: undefined }, false, "ok", "not there yet"],
    [{ ...HEALTHY_FILE_STORE, mode: 0o755 }, false, "warning", "others on this machine"],
    [{ ...HEALTHY_FILE_STORE, writable: false }, false, "failed", "cannot be written"],
    [{ kind: "memory" }, false, "warning", "lost with every restart"],
  ] as const)("%j with the runtime alive %s: %s", (seen, alive, status, detail) => {
    expect(checkStore(seen, alive)).toEqual([
      expect.objectContaining({ status, detail: expect.stringContaining(detail) }),
    ]);
  });
});
