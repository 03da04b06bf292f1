import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openStore } from "../../../runtime/stores/open-store.ts";

describe("STORE_URL", () => {
  let folder: string;
  const before = process.cwd();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "groundcrew-open-"));
    process.chdir(folder);
  });
  afterEach(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });

  test.each([
    ["file:./data", "data"],
    ["file:data", "data"],
    ["file:a b/c", "a b/c"],
  ])("%s is a folder below the current folder", async (url, path) => {
    const store = await openStore(url, { prefix: "t" });
    expect(await store.commit({ put: [{ key: "a", value: 1 }] })).toBe("committed");
    await store.close();
    expect(existsSync(join(folder, path, "groundcrew.db"))).toBe(true);
  });

  test("file:/… and file:///… are absolute folders", async () => {
    for (const url of [`file:${folder}/one`, pathToFileURL(`${folder}/two é`).href]) {
      await (await openStore(url, { prefix: "t" })).close();
    }
    expect(existsSync(join(folder, "one", "groundcrew.db")) && existsSync(join(folder, "two é", "groundcrew.db"))).toBe(
      true,
    );
  });

  test.each([
    ["postgres://u:hunter2@db/x", "postgres:…"],
    ["https://u:hunter2@host", "https:…"],
    ["./hunter2", "a URL without a scheme"],
    ["", "a URL without a scheme"],
    ["memory", "a URL without a scheme"],
  ])("%s is refused with the accepted forms, and the message shows only its scheme", async (url, shown) => {
    const refusal = await openStore(url, { prefix: "t" }).then(
      () => "opened",
      (error: Error) => error.message,
    );
    expect(refusal).toBe(
      `STORE_URL must be file:<folder>, redis://…, rediss://…, redis+sentinel://… or memory:, not ${shown}.`,
    );
  });
});
