import { Script } from "node:vm";
import { expect, test } from "vitest";
import { joinTerminalScript, TERMINAL_TEXTS } from "../../../../functions/dashboard/page/ticket-bundle.ts";
import { renderTerminal } from "../../../../functions/dashboard/page/ticket-pages.ts";
import { createAssetReader } from "../../../../runtime/node/files.ts";
import { startTestRuntime } from "../../../support/test-runtime.ts";

const script = joinTerminalScript(createAssetReader());
const code = script.replace(/^export const TEXTS = .*\n/m, "");

async function fetchTerminal(path: string) {
  const { url } = await startTestRuntime();
  const response = await fetch(url + path);
  return { url, response, policy: response.headers.get("content-security-policy") ?? "", text: await response.text() };
}

test("the terminal's document is public, has no data, and allows only files and frames of this server", async () => {
  const { response, policy, text } = await fetchTerminal("/terminal/onb-12");
  expect(response.status).toBe(200);
  expect(policy.split("; ")).toEqual(expect.arrayContaining(["default-src 'none'", "frame-ancestors 'self'"]));
  expect(policy).not.toMatch(/unsafe|\*|https?:|data:|nonce/);
  expect(response.headers.get("x-frame-options")).toBe("SAMEORIGIN");
  expect(text).toContain('data-ticket="ONB-12"');
  expect(text).not.toMatch(/<script(?![^>]* src="\/)|<style| on\w+=| style=|https?:\/\//);
  expect(text).toContain('sandbox="allow-scripts"');
});

test("the picture's document has no origin and reaches nothing; only styles are set by script", async () => {
  const { url, policy, text } = await fetchTerminal("/terminal/screen");
  expect(policy).toMatch(
    /^sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'self' 'nonce-[\w-]+'/,
  );
  expect(policy).toContain("trusted-types 'none'");
  expect(policy.replace("style-src-attr 'unsafe-inline'", "")).not.toMatch(
    /unsafe|connect-src|img-src|\*|https?:|data:/,
  );
  const nonce = /'nonce-([\w-]+)'/.exec(policy)?.[1] ?? "";
  expect(text).toContain(`content="${nonce}"`);
  const again = await fetch(`${url}/terminal/screen`);
  expect(again.headers.get("content-security-policy")).not.toContain(nonce);
});

test("the terminal's files are served when they are asked for, and again only when they have changed", async () => {
  const { url } = await startTestRuntime();
  for (const name of [
    "terminal.js",
    "terminal.css",
    "terminal-screen.js",
    "terminal-screen.css",
    "xterm.js",
    "xterm.css",
  ]) {
    const { status, headers } = await fetch(`${url}/terminal/assets/${name}`);
    expect([name, status]).toEqual([name, 200]);
    expect(headers.get("access-control-allow-origin")).toBe(/^terminal\./.test(name) ? null : "*");
    const again = await fetch(`${url}/terminal/assets/${name}`, {
      headers: { "if-none-match": headers.get("etag") ?? "" },
    });
    expect([name, again.status]).toEqual([name, 304]);
  }
});

test.each(["/assets/page.js", "/assets/tickets.css", "/terminal/assets/xterm.js"])(
  "%s has one strong ETag, which HEAD and 304 have as well",
  async (path) => {
    const { url } = await startTestRuntime();
    const full = await fetch(url + path);
    const size = (await full.arrayBuffer()).byteLength;
    const tag = full.headers.get("etag") ?? "";
    expect(tag).toMatch(/^"[\w-]+"$/);
    expect(Number(full.headers.get("content-length"))).toBe(size);
    const head = await fetch(url + path, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const name of ["etag", "content-length", "content-type", "cache-control", "content-security-policy"])
      expect([name, head.headers.get(name)]).toEqual([name, full.headers.get(name)]);
    for (const known of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await fetch(url + path, { headers: { "if-none-match": known } });
      expect([known, again.status, again.headers.get("etag"), await again.text()]).toEqual([known, 304, tag, ""]);
      expect(again.headers.get("cache-control")).toBe("no-cache");
    }
    for (const other of ['"other"', tag.slice(1, -1)])
      expect((await fetch(url + path, { headers: { "if-none-match": other } })).status).toBe(200);
  },
);

test.each(["/terminal/ONB", "/terminal/..%2Fx-1", "/terminal/%3Cb%3E-1", "/terminal/assets/other.js", "/terminal/"])(
  "%s is not found",
  async (path) => {
    expect((await fetchTerminal(path)).response.status).toBe(404);
  },
);

test("the page frames documents of this server only, and loads nothing of the terminal before it is opened", async () => {
  const { url, policy, text } = await fetchTerminal("/");
  expect(policy).toContain("frame-src 'self'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(text + (await (await fetch(`${url}/assets/page.js`)).text())).not.toContain("xterm");
});

test("the terminal's script is one script that never renders text as markup", () => {
  expect(script).not.toMatch(/^import\b/m);
  expect(() => new Script(script.replaceAll(/^export /gm, ""))).not.toThrow();
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/);
});

test("every text of the terminal exists in both languages with the same placeholders, and is used", async () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  const markup = String(await renderTerminal({ key: "ONB-1", language: "en" }));
  for (const [name, text] of Object.entries(TERMINAL_TEXTS.en)) {
    const other = Object.entries(TERMINAL_TEXTS.fr).find(([key]) => key === name)?.[1] ?? "";
    expect([name, places(other), other.length > 0]).toEqual([name, places(text), true]);
    const state = name.replace("terminal.", "");
    const isUsed =
      `${code}${markup}`.includes(`"${name}"`) || name.startsWith("problem.") || code.includes(`"${state}"`);
    expect([name, isUsed]).toEqual([name, true]);
  }
});
