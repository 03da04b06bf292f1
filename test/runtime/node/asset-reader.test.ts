import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PAGE_SCRIPTS, PAGE_STYLES, TICKET_SCRIPTS, TICKET_STYLES } from "../../../functions/dashboard/page/bundle.ts";
import { createPageRoute } from "../../../functions/dashboard/page/page-route.ts";
import { ticketAssetsRoute } from "../../../functions/dashboard/page/ticket-pages.ts";
import { createAssetReader } from "../../../runtime/node/files.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import { createTestApp } from "../../support/test-app.ts";

test("the product's files are read by their path in the repository", () => {
  const path = "functions/dashboard/page/style/base.css";
  expect(createAssetReader()(path)).toBe(readFileSync(path, "utf8"));
});

test("a file that is not there is an error that names it", () => {
  expect(() => createAssetReader()("functions/dashboard/page/script/other.js")).toThrow("other.js");
});

const FILES = [...PAGE_SCRIPTS, ...PAGE_STYLES, ...TICKET_SCRIPTS, ...TICKET_STYLES];

test.each(FILES)("the page without its %s is an error at the start", async (name) => {
  const { deps } = await createTestApp();
  const readAsset: Deps["readAsset"] = (path) => {
    if (path.endsWith(`/${name}`)) throw new Error(`no ${name}`);
    return deps.readAsset(path);
  };
  const routes = [createPageRoute({ tickets: true }), ticketAssetsRoute];
  expect(() => routes.map(({ app }) => app({ ...deps, readAsset }))).toThrow(`no ${name}`);
});
