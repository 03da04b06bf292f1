import { expect, test } from "vitest";
import { createBackupMachine } from "../runtime/backup/backup-machine.ts";

test("a Worker's store is refused without ADMIN_TOKEN, and its address must begin with https", async () => {
  const machine = createBackupMachine();
  const { exit, err } = await machine.runHere(["backup", "--store", "http://crew.example.com"]);
  expect([exit, err]).toEqual([2, expect.stringContaining("must begin with https:")]);
  machine.write("data/secrets.json", "{}");
  const refused = await machine.runHere(["backup", "--store", "https://127.0.0.1:1"]);
  expect([refused.exit, refused.err]).toEqual([78, expect.stringContaining("ADMIN_TOKEN")]);
});
