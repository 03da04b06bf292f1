import { Script } from "node:vm";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { renderPage } from "../../../functions/dashboard/page/html.ts";
import { PAGE_SCRIPT } from "../../../functions/dashboard/page/script.ts";
import { PAGE_STYLE } from "../../../functions/dashboard/page/style.ts";
import { PAGE_TEXTS } from "../../../functions/dashboard/page/texts.ts";
import { startTestRuntime } from "../../support/test-runtime.ts";

const pageMarkup = String(await renderPage({ demo: true }));

describe("the page", () => {
  test("is public, contains no data, and may only run and load its own files", async () => {
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

  test("has less than 100 KB in all, and is only sent again when it has changed", async () => {
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
    expect(size).toBeLessThan(100_000);
    expect(gzipSync(PAGE_SCRIPT + PAGE_STYLE + pageMarkup).length).toBeLessThan(20_000);
  });

  test("answers no other path", async () => {
    const { url } = await startTestRuntime();
    expect((await fetch(`${url}/assets/other.js`)).status).toBe(404);
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
  });

  test("has a script with valid syntax", () => {
    expect(() => new Script(PAGE_SCRIPT.replaceAll(/^export /gm, ""))).not.toThrow();
  });

  test("never renders text as markup", () => {
    expect(PAGE_SCRIPT).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser/,
    );
  });
});

describe("what the page says", () => {
  const named = [...`${PAGE_SCRIPT} ${pageMarkup}`.matchAll(/(?:\bt\(|data-text=)"([\w.-]+[\w-])"(?! \+)/g)].map(
    ([, name]) => name ?? "",
  );
  const prefixes = [...PAGE_SCRIPT.matchAll(/\bt\([^)"]*"(\w+\.)" \+/g)].map(([, name]) => name ?? "");

  test("is there in English and in French, with the same places to fill", () => {
    const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
    for (const [name, text] of Object.entries(PAGE_TEXTS.en)) {
      const other = Object.entries(PAGE_TEXTS.fr).find(([key]) => key === name)?.[1];
      expect([name, other?.trim().length]).not.toEqual([name, 0]);
      expect([name, places(other ?? "")]).toEqual([name, places(text)]);
    }
    expect(Object.keys(PAGE_TEXTS.fr).sort()).toEqual(Object.keys(PAGE_TEXTS.en).sort());
  });

  test("is all there: each text the script or the frame asks for exists", () => {
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((name) => !(name in PAGE_TEXTS.en))).toEqual([]);
  });

  test("is all used: no text is there that nobody asks for", () => {
    const asked = (name: string) =>
      named.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)) || PAGE_SCRIPT.includes(`"${name}"`);
    const body = PAGE_SCRIPT.slice(PAGE_SCRIPT.indexOf("\n"));
    const unused = Object.keys(PAGE_TEXTS.en).filter((name) => !asked(name) && !body.includes(`"${name}"`));
    expect(unused).toEqual([]);
  });
});
