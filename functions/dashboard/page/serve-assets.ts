import { Hono } from "hono";
import { etag } from "hono/etag";
import type { PageFile } from "./page-files.ts";

export const SCRIPT_TYPE = "text/javascript; charset=utf-8";
export const STYLE_TYPE = "text/css; charset=utf-8";

export type AssetReader = (path: PageFile) => string;

/** A file that the page loads, as the browser gets it. */
export interface PageAsset {
  name: string;
  type: string;
  text: string;
}

/** Allows only files of this server, no inline code and no framing; trusted types keep text from becoming markup. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-src 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** Headers of the page and of its files. */
export const PAGE_HEADERS = {
  "Content-Security-Policy": CONTENT_SECURITY_POLICY,
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
};

/**
 * Creates a function that joins files of the page once for each reader: one reader always returns the same texts, and
 * settings that are reloaded create the apps anew.
 */
export function joinOnce(
  createAssets: (readAsset: AssetReader) => PageAsset[],
): (readAsset: AssetReader) => readonly PageAsset[] {
  const assetsByReader = new WeakMap<AssetReader, readonly PageAsset[]>();
  return (readAsset) => {
    const assets = assetsByReader.get(readAsset) ?? createAssets(readAsset);
    assetsByReader.set(readAsset, assets);
    return assets;
  };
}

/** Creates an app that serves these files by their names. */
export function serveAssets(assets: readonly PageAsset[]): Hono {
  const routes = new Hono();
  for (const { name, type, text } of assets) {
    // Browsers revalidate the file each time, and it is sent only when it has changed, so a new version shows at once.
    const headers = { ...PAGE_HEADERS, "Content-Type": type, "Cache-Control": "no-cache" };
    routes.get(`/${name}`, etag(), (c) => c.body(text, 200, headers));
  }
  return routes;
}
