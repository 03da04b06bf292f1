import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { isCopyName, saveSqliteCopy } from "../../../runtime/stores/sqlite-store.ts";

test("A copy that meets a transaction of its own process begins after it and contains it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-copy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const database = new DatabaseSync(join(folder, "groundcrew.db"));
  onTestFinished(() => database.close());
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; CREATE TABLE kept (key TEXT)");
  database.exec("BEGIN IMMEDIATE; INSERT INTO kept VALUES ('one')");
  const copying = saveSqliteCopy(database, folder);
  // The first step of the copy runs in a thread of its own, while this one is busy in the transaction.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  database.exec("COMMIT");
  const name = await copying;
  expect(isCopyName(name)).toBe(true);
  expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  const copy = new DatabaseSync(join(folder, name), { readOnly: true });
  expect(copy.prepare("SELECT key FROM kept").all()).toEqual([{ key: "one" }]);
  copy.close();
  expect(readdirSync(folder).filter((file) => file.startsWith("groundcrew-copy-"))).toContain(name);
});
