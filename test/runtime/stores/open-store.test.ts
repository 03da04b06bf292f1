import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../../runtime/stores/open-store.ts";

test("STORE_URL names a folder below the current one, or an absolute one by file:/… and file:///…", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-open-"));
  const before = process.cwd();
  onTestFinished(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  process.chdir(folder);
  const urls = { "file:./data": "data", "file:other": "other", "file:a b/c": "a b/c", [`file:${folder}/one`]: "one" };
  for (const [url, path] of Object.entries({ ...urls, [pathToFileURL(`${folder}/two é`).href]: "two é" })) {
    await (await openStore(url, { prefix: "t" })).close();
    expect([url, existsSync(join(folder, path, "groundcrew.db"))]).toEqual([url, true]);
  }
});

test.each([
  ["postgres://u:hunter2@db/x", "postgres:…"],
  ["./hunter2", "a URL without a scheme"],
  ["", "a URL without a scheme"],
])("STORE_URL %s is refused with the accepted forms, and the message shows only its scheme", async (url, shown) => {
  await expect(openStore(url, { prefix: "t" })).rejects.toThrow(
    `STORE_URL must be file:<folder>, redis://…, rediss://…, redis+sentinel://… or memory:, not ${shown}.`,
  );
});
