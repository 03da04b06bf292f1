/**
 * What the page's documents have in common: the headers, the head, and how their files are served. Every document
 * allows scripts of this server only, no inline code, and trusted types keep text from becoming markup.
 */

import type { Context } from "hono";
import { html } from "hono/html";
import type { Deps } from "../../../shared/app/deps.ts";
import { sha256Hex } from "../../../shared/hashing.ts";
import { findGzip } from "../../../shared/http/request.ts";
import type { Locale } from "../../../shared/i18n/localize.ts";

/** A file that a document loads. Its name ends in `.js`, `.css` or `.svg`. */
export interface PageAsset {
  name: string;
  /** Called when the file is first asked for. */
  read: () => string;
  /** The frame of a terminal's picture has no origin, so its module scripts come from another one. They are no secret. */
  isForFrame?: true;
}

interface HeadOptions {
  language: Locale;
  title: string;
  /** What follows the width and the scale, with a comma first. */
  viewport?: string;
  colors: "light dark" | "dark";
  /** The paths of the icon, style sheets and scripts. */
  files: readonly string[];
  /** Allows the style sheets that scripts create. */
  nonce?: string;
}

const TYPES: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const FRAME_HEADERS = { "Cross-Origin-Resource-Policy": "cross-origin", "Access-Control-Allow-Origin": "*" };

const encoder = new TextEncoder();

/**
 * Creates the headers of a document and of its files.
 * @param frameAncestors who may show it in a frame
 * @param directives what it needs besides scripts of this server
 */
export function createDocumentHeaders(
  frameAncestors: "none" | "self",
  directives: readonly string[],
  sandbox: readonly string[] = [],
): Record<string, string> {
  const policy = [
    ...sandbox,
    "default-src 'none'",
    "script-src 'self'",
    ...directives,
    "base-uri 'none'",
    `frame-ancestors '${frameAncestors}'`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ];
  return {
    "Content-Security-Policy": policy.join("; "),
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": frameAncestors === "none" ? "DENY" : "SAMEORIGIN",
  };
}

/** Renders a document up to its body. */
export function renderHead({ language, title, viewport = "", colors, files, nonce }: HeadOptions) {
  return html`<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1${viewport}">
<meta name="color-scheme" content="${colors}">
${nonce === undefined ? "" : html`<meta name="style-nonce" content="${nonce}">`}
<title>${title}</title>
${files.map(renderLink)}
</head>`;
}

function renderLink(path: string) {
  if (path.endsWith(".js")) return html`<script type="module" src="${path}"></script>`;
  if (path.endsWith(".css")) return html`<link rel="stylesheet" href="${path}">`;
  return html`<link rel="icon" href="${path}" type="image/svg+xml">`;
}

/** Whether the build has made this file. */
export function hasAsset(readAsset: Deps["readAsset"], path: string): boolean {
  try {
    return readAsset(path) !== "";
  } catch {
    return false;
  }
}

/** The files of these names that the build has made (runtime/build/bundle-page.js). */
export function listBuiltAssets(readAsset: Deps["readAsset"], names: readonly string[]): PageAsset[] {
  return names.map((name) => ({ name, read: () => readAsset(`page/${name}`) }));
}

/** Creates the handlers that serve these files, by name. */
export function createAssetHandlers(assets: readonly PageAsset[], headers: Record<string, string>) {
  return new Map(assets.map((asset) => [asset.name, createAssetHandler(asset, headers)]));
}

/**
 * Creates the handler that serves a file. Its bytes and strong ETag are made for the first request, and all answers
 * share the bytes: an answer that waits for a slow reader occupies no copy of the file.
 */
function createAssetHandler({ name, read, isForFrame }: PageAsset, headers: Record<string, string>) {
  const type = TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "";
  const fileHeaders = { ...headers, ...(isForFrame ? FRAME_HEADERS : {}), "Content-Type": type };
  let file: Promise<{ bytes: Uint8Array<ArrayBuffer>; hash: string }> | undefined;
  let packed: Promise<Uint8Array<ArrayBuffer>> | undefined;
  return async (c: Context): Promise<Response> => {
    file ??= prepareFile(read());
    const { bytes, hash } = await file;
    const gzip = findGzip(c);
    const tag = gzip ? `"${hash}-gzip"` : `"${hash}"`;
    // Browsers revalidate the file each time, and it is sent only when it has changed, so a new version shows at once.
    const cacheHeaders = { "Cache-Control": "no-cache", ETag: tag, Vary: "Accept-Encoding" };
    if (isKnown(tag, c.req.header("if-none-match"))) return c.body(null, 304, cacheHeaders);
    if (gzip) packed ??= gzip(bytes);
    const body = gzip && packed ? await packed : bytes;
    const encoding = gzip ? { "Content-Encoding": "gzip" } : {};
    const length = { "Content-Length": String(body.length) };
    return c.body(body, 200, { ...fileHeaders, ...cacheHeaders, ...encoding, ...length });
  };
}

async function prepareFile(text: string) {
  const bytes = encoder.encode(text);
  return { bytes, hash: await sha256Hex(bytes) };
}

/** Whether If-None-Match contains the tag; a weak one (`W/`) counts as well (RFC 9110, 13.1.2). */
function isKnown(tag: string, ifNoneMatch = ""): boolean {
  const known = ifNoneMatch.split(",").map((one) => one.trim().replace(/^W\//, ""));
  return known.includes(tag) || known.includes("*");
}
