import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkStore } from "../../../functions/doctor/store.ts";
import { inspectStore } from "../../../runtime/doctor/run-doctor.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import { startStoreProcess } from "../stores/store-process.ts";

const PAGE_SIZE = 4_096;

function createFolder() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-doctor-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, url: `file:${folder}` };
}

async function examine(url: string): Promise<string> {
  const checks = checkStore(await inspectStore({ store: { url, prefix: "t" } }, false), { isAlive: false });
  return checks.map(({ status, detail, todo = "" }) => `${status}: ${detail} ${todo}`).join("\n");
}

/** Names and sizes of all files, to see that an examination changes nothing. */
const listFiles = (folder: string) => readdirSync(folder).map((name) => [name, statSync(join(folder, name)).size]);

async function fillStore(url: string) {
  const store = await openStore(url, { prefix: "t" });
  const put = Array.from({ length: 500 }, (_, i) => ({ key: `k${i}`, value: "x".repeat(2_000), sets: ["s"] }));
  await store.commit({ put });
  await store.close();
}

test("The doctor finds a sound store file in order and changes nothing, after a clean end and after a kill", async () => {
  const { folder, url } = createFolder();
  await fillStore(url);
  for (const hasLog of [false, true]) {
    if (hasLog)
      await new Promise<void>((resolve, reject) => {
        const child = startStoreProcess("hold", url, (line) => {
          if (line === "held") child.kill().then(resolve, reject);
        });
      });
    const before = listFiles(folder);
    expect(before.map(([name]) => name)).toEqual(hasLog ? ["groundcrew.db", "groundcrew.db-wal"] : ["groundcrew.db"]);
    expect(await examine(url)).toMatch(/^ok: .* contains the embedded file/);
    expect(listFiles(folder)).toEqual(before);
  }
});

test("The doctor leaves a store file alone that a process has open", async () => {
  const { url } = createFolder();
  await fillStore(url);
  const store = await openStore(url, { prefix: "t" });
  onTestFinished(() => store.close());
  await store.commit({ put: [{ key: "before", value: 1 }] });
  expect(await examine(url)).toMatch(/^ok: /);
  expect(await store.commit({ put: [{ key: "after", value: 1 }] })).toBe("committed");
});

test("The doctor fails for a store file with damage in its middle, and says that it may be moved away and is rebuilt from Plane", async () => {
  const { folder, url } = createFolder();
  await fillStore(url);
  const file = openSync(join(folder, "groundcrew.db"), "r+");
  for (let page = 30; page < 60; page += 1)
    writeSync(file, Buffer.alloc(PAGE_SIZE, 0xa5), 0, PAGE_SIZE, page * PAGE_SIZE);
  closeSync(file);
  expect(await examine(url)).toMatch(/^failed: .* is damaged.*may be moved away.*reads everything from Plane again/s);
});

test("The doctor says what is the matter with a store folder that does not exist, and what to do", async () => {
  const { folder } = createFolder();
  expect(await examine(`file:${folder}/no/such/folder`)).toMatch(
    /^warning: .*\/no\/such\/folder does not exist; .* empty store .*check STORE_URL and that the disk is mounted/,
  );
});
