import { joinModules } from "./join-modules.ts";
import { PAGE_SCRIPTS, type PageFile } from "./page-files.ts";
import { TEXTS_SCRIPT } from "./texts-script.ts";

/** Creates the page's complete script with its texts, as the browser receives it. */
export function createPageScript(readAsset: (path: PageFile) => string): string {
  const sources = PAGE_SCRIPTS.map((name) => [name, readAsset(`functions/dashboard/page/script/${name}`)] as const);
  return joinModules({ ...Object.fromEntries(sources), "page-texts.js": TEXTS_SCRIPT }, "page.js");
}
