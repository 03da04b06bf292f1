import { fileURLToPath } from "node:url";
import { bundlePage } from "../../runtime/build/bundle-page.js";

/** Builds the page from its sources before the tests, so that none sees an older one. */
export async function setup(): Promise<void> {
  await bundlePage(fileURLToPath(new URL("../../dist/files/page", import.meta.url)));
}
