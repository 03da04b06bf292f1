import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { type AuditEntry, auditSets, createAuditLog } from "../../../shared/app/audit-log.ts";
import { createLog } from "../../../shared/log.ts";
import type { Commit, Store } from "../../../shared/store/port.ts";

function createCall(n: number): AuditEntry {
  return { at: 1_000, agent: "Thot", tool: `tool-${n}`, outcome: "ok", ms: 1, via: "http", correlation: `c-${n}` };
}

function createAuditSetup(wrap: (commit: Store["commit"]) => Store["commit"] = (commit) => commit) {
  const store = createMemoryStore({ clock: () => 1_000 });
  const commits: number[] = [];
  const logged: Record<string, unknown>[] = [];
  const commit = wrap(async (change: Commit) => {
    commits.push(change.put?.length ?? 0);
    return store.commit(change);
  });
  const log = createLog({ level: "info", clock: () => 0, write: (line) => logged.push(JSON.parse(line)) });
  const audit = createAuditLog({ store: { commit }, log, newId: () => crypto.randomUUID() });
  return { store, commits, logged, audit };
}

test("The audit log logs entries that could not be stored, and continues", async () => {
  let isDown = true;
  const { store, logged, audit } = createAuditSetup((commit) => async (commitArgument) => {
    if (isDown) throw new Error("the store is down");
    return commit(commitArgument);
  });
  await audit(createCall(1));
  isDown = false;
  await audit(createCall(2));
  expect(logged).toMatchObject([
    { level: "error", message: "audit entry not stored", tool: "tool-1", error: "the store is down" },
  ]);
  expect((await store.scan<AuditEntry>(auditSets.all)).rows).toHaveLength(1);
});

test("The audit log limits the entries that wait for a slow store: further entries are only logged", async () => {
  const answer = Promise.withResolvers<"committed">();
  const { logged, audit } = createAuditSetup(() => () => answer.promise);
  const writes = Array.from({ length: 5_003 }, (_, n) => audit(createCall(n)));
  await writes.at(-1);
  expect(logged).toMatchObject([
    { tool: "tool-5001" },
    { tool: "tool-5002", error: "too many entries waiting for the store" },
  ]);
  answer.resolve("committed");
  await Promise.all(writes);
});
