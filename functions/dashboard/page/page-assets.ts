import { compactStyle } from "./compact-style.ts";
import { PAGE_ICON } from "./html.ts";
import { PAGE_STYLES, type PageFile } from "./page-files.ts";
import { createPageScript } from "./page-script.ts";

type AssetReader = (path: PageFile) => string;

/** A file that the page loads, as the browser gets it. */
interface PageAsset {
  name: string;
  type: string;
  text: string;
}

/** By the function that reads the sources, because one function always returns the same texts. */
const assetsByReader = new WeakMap<AssetReader, readonly PageAsset[]>();

/**
 * Returns the page's script, style sheet and icon. They are joined once for each `readAsset`: a Worker creates its apps
 * anew for each event, and the page is the same in all of them.
 */
export function getPageAssets(readAsset: AssetReader): readonly PageAsset[] {
  const existing = assetsByReader.get(readAsset);
  if (existing) return existing;
  const assets = createPageAssets(readAsset);
  assetsByReader.set(readAsset, assets);
  return assets;
}

function createPageAssets(readAsset: AssetReader): PageAsset[] {
  const styles = PAGE_STYLES.map((name) => readAsset(`functions/dashboard/page/style/${name}`));
  return [
    { name: "page.js", type: "text/javascript; charset=utf-8", text: createPageScript(readAsset) },
    { name: "page.css", type: "text/css; charset=utf-8", text: compactStyle(styles.join("")) },
    { name: "icon.svg", type: "image/svg+xml", text: PAGE_ICON },
  ];
}
