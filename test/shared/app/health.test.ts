import { expect, test } from "vitest";
import { z } from "zod";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { type AuditEntry, auditSets, createAuditLog } from "../../../shared/app/audit-log.ts";
import { createHealth, createStoreHealth, recordPlaneHealth, recordStoreHealth } from "../../../shared/app/health.ts";
import { createLog } from "../../../shared/log.ts";
import type { Endpoint, PlaneClient } from "../../../shared/plane/endpoint.ts";
import * as errors from "../../../shared/plane/errors.ts";
import type { Store } from "../../../shared/store/port.ts";

const clock = () => Date.UTC(2026, 0, 5, 8);
const about = { operation: "work_items_list" };

test.each([
  ["no answer", new errors.PlaneUnavailableError(about, "down"), false],
  ["a wrong key", new errors.PlaneAuthError({ ...about, reason: "key" }, "403"), false],
  ["an unknown answer", new errors.PlaneUnexpectedError(about, "HTML"), false],
  ["a store that fails", new Error("ECONNREFUSED"), false],
  ["nothing but 403", new errors.PlaneAuthError({ ...about, reason: "permission" }, "403"), false],
  ["a missing object", new errors.PlaneNotFoundError({ ...about, noRoute: false }, "404"), true],
  ["no projects", new errors.PlaneNotFoundError({ operation: "projects_list", noRoute: false }, "404"), false],
  ["a thing that is there already", new errors.PlaneConflictError({ ...about, id: undefined }, "409"), true],
  ["a refused field", new errors.PlaneInvalidError({ ...about, fields: {} }, "400"), true],
  ["a used-up quota", new errors.PlaneRateLimitedError({ ...about, retryAfter: 1 }, "429"), null],
])("Plane's health has the expected state after %s", async (_, thrown, ok) => {
  const health = createHealth(clock, (text) => text);
  const failing = { call: () => Promise.reject(thrown) } as unknown as PlaneClient;
  const endpoint: Endpoint<unknown> = { operation: "x", method: "GET", path: "/api/v1/x/", answer: z.unknown() };
  await expect(recordPlaneHealth(failing, health).call(endpoint)).rejects.toBe(thrown);
  expect(health.get("plane").ok).toBe(ok);
});

/** Operations that write nothing to the store, so that their failure does not show that it cannot be written. */
const READS = "now read scan count stats listDeadJobs countConsumed listPauses readCapacity close".split(" ");

test("A failed write of the store is recorded, a failed read is not, and damage stays until a check of the whole store finds none", async () => {
  const operations = Object.keys(createMemoryStore({ clock }));
  /** A store of which every operation fails with this message. */
  function createFailingStore(message: string) {
    const failing = Object.fromEntries(operations.map((name) => [name, () => Promise.reject(new Error(message))]));
    const health = createStoreHealth((text) => text);
    const store = recordStoreHealth(failing as unknown as Store, health);
    const call = (name: string): Promise<unknown> => Reflect.apply(Reflect.get(store, name), store, []);
    return { call, health };
  }
  for (const name of operations) {
    const { call, health } = createFailingStore("database or disk is full");
    await expect(call(name)).rejects.toThrow("disk is full");
    const failure = { kind: "store_full", reason: "database or disk is full" };
    expect(health.getFailure(), name).toEqual(READS.includes(name) ? undefined : failure);
  }
  const { call, health } = createFailingStore("The store x is damaged: database disk image is malformed");
  await expect(call("read")).rejects.toThrow("malformed");
  health.recordProbeSuccess();
  expect(health.getFailure()).toMatchObject({ kind: "store_damaged" });
  health.recordDamage(undefined);
  expect(health.getFailure()).toBeUndefined();
});

test("The audit log logs entries that could not be stored or that wait for a slow store in too large a number, and continues", async () => {
  const store = createMemoryStore({ clock });
  const answer = Promise.withResolvers<void>();
  let commit: Store["commit"] = () => Promise.reject(new Error("the store is down"));
  const logged: Record<string, unknown>[] = [];
  const log = createLog({ level: "info", clock, write: (line) => logged.push(JSON.parse(line)) });
  const audit = createAuditLog({
    store: { commit: (change) => commit(change) },
    log,
    newId: () => crypto.randomUUID(),
  });
  const write = (n: number) =>
    audit({ at: 1, agent: "Thot", tool: `tool-${n}`, outcome: "ok", ms: 1, via: "http", correlation: `c-${n}` });
  await write(0);
  commit = async (change) => {
    await answer.promise;
    return store.commit(change);
  };
  const writes = Array.from({ length: 5_003 }, (_, n) => write(n));
  await writes.at(-1);
  const failure = { level: "error", message: "audit entry not stored", tool: "tool-0", error: "the store is down" };
  expect(logged).toMatchObject([
    failure,
    { tool: "tool-5001" },
    { tool: "tool-5002", error: "too many entries waiting for the store" },
  ]);
  answer.resolve();
  await Promise.all(writes);
  expect((await store.scan<AuditEntry>(auditSets.all)).rows.length).toBeGreaterThan(0);
});
