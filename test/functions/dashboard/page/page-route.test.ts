import { Script } from "node:vm";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { compactStyle, PAGE_STYLES, PAGE_TEXTS, stripComments } from "../../../../functions/dashboard/page/bundle.ts";
import { createPageRoute, createPageScript, renderPage } from "../../../../functions/dashboard/page/page-route.ts";
import { createAssetReader } from "../../../../runtime/node/files.ts";
import { createTestApp } from "../../../support/test-app.ts";
import { startTestRuntime } from "../../../support/test-runtime.ts";

const readAsset = createAssetReader();
const pageRoute = createPageRoute({ tickets: true });
const pageScript = createPageScript(readAsset);
/** Without the table of texts, which names them all. */
const pageCode = pageScript.replace(/^export const TEXTS = .*\n/m, "");
const styles = PAGE_STYLES.map((name) => readAsset(`functions/dashboard/page/style/${name}`));
const pageStyle = compactStyle(styles.join(""));
const pageMarkup = String(await renderPage({ demo: true, language: "en", tickets: true }));

test("the page is public, contains no data, and may only run and load its own files", async () => {
  const { url } = await startTestRuntime();
  const response = await fetch(url);
  expect(response.status).toBe(200);
  const policy = response.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:/);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  const text = await response.text();
  expect(text).not.toMatch(/<script(?![^>]* src="\/)|<style| on\w+=| style=|https?:\/\//);
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
  expect(await readLanguage("en", "fr-FR,fr;q=0.9")).toBe("en");
  expect(await readLanguage("auto", "fr-FR,fr;q=0.9,en;q=0.8")).toBe("fr");
  expect(await readLanguage("auto", "de,fr;q=0.9")).toBe("en");
  expect(await readLanguage("auto")).toBe("en");
});

test("the page's HTML has the English texts of the table until its script runs", () => {
  const shown = [...pageMarkup.matchAll(/data-text="([\w.]+)"[^>]*>([^<]+)</g)];
  expect(shown.length).toBeGreaterThan(10);
  const table: Record<string, string> = PAGE_TEXTS.en;
  expect(shown.map(([, name = "", text]) => [name, text])).toEqual(shown.map(([, name = ""]) => [name, table[name]]));
});

test("the page has less than 150 KB in all before compression, and is only sent again when it has changed", async () => {
  const { url } = await startTestRuntime();
  let size = 0;
  for (const path of ["/", "/assets/page.js", "/assets/page.css", "/assets/icon.svg"]) {
    const response = await fetch(url + path);
    size += (await response.arrayBuffer()).byteLength;
    const tag = response.headers.get("etag");
    if (path === "/") continue;
    const again = await fetch(url + path, { headers: { "if-none-match": tag ?? "" } });
    expect([path, again.status]).toEqual([path, 304]);
  }
  expect(size).toBeGreaterThan(10_000);
  expect(size).toBeLessThan(150_000);
  expect(gzipSync(pageScript + pageStyle + pageMarkup).length).toBeLessThan(40_000);
});

test("two apps, as before and after reloaded settings, join the page once", async () => {
  const { deps } = await createTestApp();
  const readPaths: string[] = [];
  const countingReader = (path: string) => {
    readPaths.push(path);
    return readAsset(path);
  };
  const apps = [1, 2].map(() => pageRoute.app({ ...deps, readAsset: countingReader }));
  const scripts = await Promise.all(apps.map(async (app) => (await app.request("/assets/page.js")).text()));
  expect(scripts).toEqual([pageScript, pageScript]);
  expect(readPaths.toSorted()).toEqual([...new Set(readPaths)].sort());
  expect(readPaths).toContain("functions/dashboard/page/script/page.js");
});

test("an app with other sources serves another page", async () => {
  const { deps } = await createTestApp();
  const readOtherAsset = (path: string) => `${readAsset(path)}${path.endsWith("/page.js") ? "void 0;\n" : ""}`;
  const [first, second] = [readAsset, readOtherAsset].map((reader) => pageRoute.app({ ...deps, readAsset: reader }));
  expect(await (await first?.request("/assets/page.js"))?.text()).toBe(pageScript);
  expect(await (await second?.request("/assets/page.js"))?.text()).toBe(`${pageScript}void 0;\n`);
});

test("the page answers no other path", async () => {
  const { url } = await startTestRuntime();
  expect((await fetch(`${url}/assets/other.js`)).status).toBe(404);
  expect((await fetch(`${url}/assets/live.js`)).status).toBe(404);
  expect((await fetch(`${url}/nothing`)).status).toBe(404);
  expect((await fetch(url, { method: "POST" })).status).toBe(405);
});

test("the page has one script that imports nothing, and says everything in it", () => {
  expect(pageScript).toContain("export const TEXTS = ");
  expect(pageScript).not.toMatch(/^import\b/m);
  expect(() => new Script(pageScript.replaceAll(/^export /gm, ""))).not.toThrow();
  expect(pageMarkup.match(/<script[^>]*>/g)).toEqual([
    '<script type="module" src="/assets/page.js">',
    '<script type="module" src="/demo/console.js">',
  ]);
  expect(pageMarkup).not.toContain("modulepreload");
});

test("the page sends its script without comments, and leaves everything else in it", () => {
  const script =
    '/** @type {X} */\nlet a = /** @type {Y} */ (b); // c\n  /**\n   * d\n   */\n  // e\n  f("/** g */");\n';
  expect(stripComments(script)).toBe('let a = /** @type {Y} */ (b); // c\n  f("/** g */");\n');
});

test("the page sends its style sheet without comments and needless spaces, and leaves texts and selectors as they are", () => {
  const style =
    '/* a */\n.b :hover,\n.c > d {\n  color: red;\n  content: "; /* e */ {";\n  margin: 0 calc(1px + 2px);\n}\n';
  expect(compactStyle(style)).toBe('.b :hover,.c > d{color:red;content:"; /* e */ {";margin:0 calc(1px + 2px);}');
});

test("the page never renders text as markup", () => {
  expect(pageScript).not.toMatch(
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser/,
  );
});

const named = [
  ...`${pageCode} ${pageMarkup}`.matchAll(/(?:\btranslate(?:Parts)?\(|data-(?:text|label|hint)=)"([\w.-]+)"/g),
].map(([, name]) => name ?? "");
const prefixes = [...pageCode.matchAll(/\b(?:translate(?:Parts)?|findTextName)\([^"`]*`([\w.]+\.)\$\{/g)].map(
  ([, name]) => name ?? "",
);

test("the page's texts exist in English and in French, with the same placeholders", () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [name, text] of Object.entries(PAGE_TEXTS.en)) {
    const other = Object.entries(PAGE_TEXTS.fr).find(([key]) => key === name)?.[1];
    expect([name, other?.trim().length]).not.toEqual([name, 0]);
    expect([name, places(other ?? "")]).toEqual([name, places(text)]);
  }
  expect(Object.keys(PAGE_TEXTS.fr).sort()).toEqual(Object.keys(PAGE_TEXTS.en).sort());
});

test("every text that the page's script or HTML uses exists", () => {
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((name) => !(name in PAGE_TEXTS.en))).toEqual([]);
});

test("every text of the page is used", () => {
  const isAsked = (name: string) =>
    named.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)) || pageCode.includes(`"${name}"`);
  const unused = Object.keys(PAGE_TEXTS.en).filter((name) => !isAsked(name));
  expect(unused).toEqual([]);
});
