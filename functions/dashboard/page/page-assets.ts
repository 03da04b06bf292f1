import { compactStyle } from "./compact-style.ts";
import { PAGE_ICON } from "./html.ts";
import { PAGE_STYLES } from "./page-files.ts";
import { createPageScript } from "./page-script.ts";
import { joinOnce, SCRIPT_TYPE, STYLE_TYPE } from "./serve-assets.ts";

/** Returns the page's script, style sheet and icon. */
export const getPageAssets = joinOnce((readAsset) => {
  const style = PAGE_STYLES.map((name) => readAsset(`functions/dashboard/page/style/${name}`)).join("");
  return [
    { name: "page.js", type: SCRIPT_TYPE, text: createPageScript(readAsset) },
    { name: "page.css", type: STYLE_TYPE, text: compactStyle(style) },
    { name: "icon.svg", type: "image/svg+xml", text: PAGE_ICON },
  ];
});
