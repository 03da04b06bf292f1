import { compactStyle } from "./compact-style.ts";
import { PAGE_ICON } from "./html.ts";
import { PAGE_STYLES, type PageFile, TICKET_STYLES } from "./page-files.ts";
import { createPageScript } from "./page-script.ts";
import { createTicketScript } from "./ticket-script.ts";

const SCRIPT = "text/javascript; charset=utf-8";
const STYLE = "text/css; charset=utf-8";

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
  const joinStyles = (names: readonly (typeof PAGE_STYLES | typeof TICKET_STYLES)[number][]) =>
    compactStyle(names.map((name) => readAsset(`functions/dashboard/page/style/${name}`)).join(""));
  return [
    { name: "page.js", type: SCRIPT, text: createPageScript(readAsset) },
    { name: "page.css", type: STYLE, text: joinStyles(PAGE_STYLES) },
    { name: "tickets.js", type: SCRIPT, text: createTicketScript(readAsset) },
    { name: "tickets.css", type: STYLE, text: joinStyles(TICKET_STYLES) },
    { name: "icon.svg", type: "image/svg+xml", text: PAGE_ICON },
  ];
}
