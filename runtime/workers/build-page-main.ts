import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { PAGE_SCRIPTS, PAGE_STYLES, stripComments } from "../../functions/dashboard/page/bundle.ts";
import { createAssetReader } from "../node/files.ts";

/**
 * Writes the page's files into one, which Wrangler puts into the Worker's bundle (`build` in wrangler.jsonc): a Worker
 * has no disk. Comments are left out, because they are a fifth of the files.
 */
const FOLDER = new URL("../../.wrangler/", import.meta.url);

const readAsset = createAssetReader();
const scripts = PAGE_SCRIPTS.map((name) => `functions/dashboard/page/script/${name}`);
const styles = PAGE_STYLES.map((name) => `functions/dashboard/page/style/${name}`);
const texts = Object.fromEntries([
  ...scripts.map((path) => [path, stripComments(readAsset(path))]),
  ...styles.map((path) => [path, readAsset(path)]),
]);
// Several programs may build at once, and none may read half a file.
const partial = new URL(`page-files.${process.pid}.json`, FOLDER);
mkdirSync(FOLDER, { recursive: true });
writeFileSync(partial, JSON.stringify(texts));
renameSync(partial, new URL("page-files.json", FOLDER));
