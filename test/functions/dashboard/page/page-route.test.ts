import { globSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createPageRoute, renderPage } from "../../../../functions/dashboard/page/page-route.ts";
import { TEXTS } from "../../../../functions/dashboard/page/script/page-texts.ts";
import { TICKET_TEXTS } from "../../../../functions/dashboard/page/script/ticket-texts.ts";
import { createAssetReader } from "../../../../runtime/node/files.ts";
import { TICKET_PAGE_TEXTS } from "../../../../shared/i18n/texts.ts";
import { createTestApp } from "../../../support/test-app.ts";
import { startTestRuntime } from "../../../support/test-runtime.ts";

const readAsset = createAssetReader();
const pageRoute = createPageRoute({ tickets: true });
const pageMarkup = String(await renderPage({ demo: true, language: "en", tickets: true, currency: "EUR" }));
/** The sources of all scripts of the page. */
const sources = readSources("functions/dashboard/page/script/*.{ts,tsx}");

function readSources(pattern: string): string {
  return globSync(pattern)
    .map((path) => readFileSync(path, "utf8"))
    .join("");
}

test("the page is public, contains no data, and may only run and load its own files, of less than 170 KB, which are only sent again when they have changed", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(url);
  expect(response.status).toBe(200);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  expect(await response.text()).not.toMatch(/<script(?![^>]* src="\/)|<style| on\w+=| style=|https?:\/\//);
  const paths = ["terminal/ONB", "terminal/..%2Fx-1", "terminal/%3Cb%3E-1", "terminal/assets/other.js", "terminal/"];
  for (const path of [...paths, "assets/other.js", "nothing", "design"])
    expect.soft((await fetch(`${url}/${path}`)).status, path).toBe(404);
  let size = 0;
  for (const path of ["/", "/assets/page.js", "/assets/page.css", "/assets/icon.svg"]) {
    const response = await fetch(url + path);
    size += (await response.arrayBuffer()).byteLength;
    if (path === "/") continue;
    const headers = { "if-none-match": response.headers.get("etag") ?? "" };
    expect([path, (await fetch(url + path, { headers })).status]).toEqual([path, 304]);
  }
  expect(size).toBeGreaterThan(10_000);
  expect(size).toBeLessThan(170_000);
  expect(gzipSync(readAsset("page/page.js") + readAsset("page/page.css") + pageMarkup).length).toBeLessThan(50_000);
});

test("the page's language is LOCALE, or with auto the browser's first one", async () => {
  const readLanguage = async (LOCALE: string, header?: string) => {
    const { deps } = await createTestApp({ setUpPlane: () => ({ LOCALE }) });
    const headers = header === undefined ? {} : { "accept-language": header };
    const response = await pageRoute.app({ ...deps, readAsset }).request("/", { headers });
    expect(response.headers.get("vary")).toBe("Accept-Language");
    const language = /<html lang="(\w+)">/.exec(await response.text())?.[1];
    expect(response.headers.get("content-language")).toBe(language);
    return language;
  };
  expect(await readLanguage("fr", "en-GB,en;q=0.9")).toBe("fr");
  expect(await readLanguage("auto", "fr-FR,fr;q=0.9,en;q=0.8")).toBe("fr");
  expect(await readLanguage("auto", "de,fr;q=0.9")).toBe("en");
});

test("no script of the page renders text as markup, and every text that it or the HTML uses exists", () => {
  expect(sources.length).toBeGreaterThan(50_000);
  const markup = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser|dangerously/i;
  expect(sources).not.toMatch(markup);
  const uses = /(?:\btranslate(?:Parts)?\(|data-(?:text|label|hint)=)"([\w.-]+)"/g;
  const named = [...`${sources} ${pageMarkup}`.matchAll(uses)].map(([, name = ""]) => name);
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => !(name in TEXTS.en || name in TICKET_PAGE_TEXTS.en.terminal))).toEqual([]);
});

test("the terminal's document is public, has no data, and allows only files and frames of this server; its picture has no origin and reaches nothing", async () => {
  const { url } = await startTestRuntime();
  const read = async (path: string) => {
    const response = await fetch(url + path);
    return { response, policy: response.headers.get("content-security-policy") ?? "", text: await response.text() };
  };
  const { response, policy, text } = await read("/terminal/onb-12");
  expect(response.status).toBe(200);
  expect(policy.split("; ")).toEqual(expect.arrayContaining(["default-src 'none'", "frame-ancestors 'self'"]));
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:|nonce/);
  expect(response.headers.get("x-frame-options")).toBe("SAMEORIGIN");
  expect(text).toContain('data-ticket="ONB-12"');
  expect(text).not.toMatch(/<script(?![^>]* src="\/)|<style| on\w+=| style=|https?:\/\//);
  expect(text).toContain('sandbox="allow-scripts"');
  // Only styles are set by its script.
  const picture = await read("/terminal/screen");
  const begin = /^sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w-]+'/;
  expect(picture.policy).toMatch(begin);
  expect(picture.policy).toContain("trusted-types 'none'");
  const rest = picture.policy.replace("style-src-attr 'unsafe-inline'", "");
  expect(rest).not.toMatch(/unsafe|connect-src|img-src|\*|https?:|data:/);
  const nonce = /'nonce-([\w-]+)'/.exec(picture.policy)?.[1] ?? "";
  expect(picture.text).toContain(`content="${nonce}"`);
  expect((await read("/terminal/screen")).policy).not.toContain(nonce);
});

const ticketCode = readSources("functions/dashboard/page/script/ticket-*.tsx");

test("every text that the view Tickets uses exists, and every text is used", () => {
  const names = Object.keys(TICKET_TEXTS.en);
  const named = [...ticketCode.matchAll(/\btranslateTicket\("([\w.]+)"/g)].map(([, name = ""]) => name);
  const prefixes = [...ticketCode.matchAll(/`([\w.]+\.)\$\{/g)].map(([, prefix = ""]) => prefix);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !names.includes(name))).toEqual([]);
  const isUsed = (name: string) =>
    ticketCode.includes(`"${name}"`) || prefixes.some((prefix) => name.startsWith(prefix));
  expect(names.filter((name) => !isUsed(name))).toEqual([]);
});
