/**
 * Builds the page and writes its files into one, which Wrangler puts into the Worker's bundle (`build` in
 * wrangler.jsonc): a Worker has no disk, and no sessions of tickets.
 */

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../build/bundle.js";
import { bundlePage } from "../build/bundle-page.js";

const folder = join(ROOT, `.wrangler/page.${process.pid}`);
mkdirSync(folder, { recursive: true });
await bundlePage(folder);
const names = ["page.js", "plan.js", "schedules.js", "palette.js", "task-page.js", "page.css"];
const texts = names.map((name) => [`page/${name}`, readFileSync(join(folder, name), "utf8")]);
rmSync(folder, { recursive: true });
// Several programs may build at once, and none may read half a file.
const partial = join(ROOT, `.wrangler/page-files.${process.pid}.json`);
writeFileSync(partial, JSON.stringify(Object.fromEntries(texts)));
renameSync(partial, join(ROOT, ".wrangler/page-files.json"));
