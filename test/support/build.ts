import { fileURLToPath } from "node:url";
import { bundlePage } from "../../runtime/build/bundle-page.js";
import { buildTestPrograms } from "./test-programs.ts";

/** Builds the page and the programs of the tests from their sources before the tests, so that none sees an older one. */
export async function setup(): Promise<void> {
  await bundlePage(fileURLToPath(new URL("../../dist/files/page", import.meta.url)));
  await buildTestPrograms();
}
