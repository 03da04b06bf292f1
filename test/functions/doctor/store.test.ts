import { describe, expect, it } from "vitest";
import { storeChecks } from "../../../functions/doctor/store.ts";

const WELL = {
  redis_version: "7.0.15",
  role: "master",
  cluster_enabled: "0",
  aof_enabled: "1",
  aof_last_write_status: "ok",
  maxmemory_policy: "noeviction",
};

const FILE = { kind: "file", folder: "data", mode: 0o700, file: true, writable: true } as const;

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
    const checks = storeChecks({ kind: "redis", info: { ...WELL, ...differs } }, false);
    expect(checks).toEqual([expect.objectContaining({ status, detail: expect.stringContaining(detail) })]);
  });

  it.each([
    [FILE, true, "ok", "which the runtime has open"],
    [FILE, false, "ok", "which nobody has open"],
    [{ ...FILE, mode: undefined }, false, "ok", "not there yet"],
    [{ ...FILE, mode: 0o755 }, false, "warning", "others on this machine"],
    [{ ...FILE, writable: false }, false, "failed", "cannot be written"],
    [{ kind: "memory" }, false, "warning", "lost with every restart"],
  ] as const)("%j with the runtime alive %s: %s", (seen, alive, status, detail) => {
    expect(storeChecks(seen, alive)).toEqual([
      expect.objectContaining({ status, detail: expect.stringContaining(detail) }),
    ]);
  });
});
