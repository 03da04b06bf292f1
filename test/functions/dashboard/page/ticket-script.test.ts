import { Script } from "node:vm";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { createPageScript, renderPage } from "../../../../functions/dashboard/page/page-route.ts";
import { createTicketScript, TICKET_VIEW_TEXTS } from "../../../../functions/dashboard/page/ticket-bundle.ts";
import { createAssetReader } from "../../../../runtime/node/files.ts";
import { startTestRuntime } from "../../../support/test-runtime.ts";

const readAsset = createAssetReader();
const script = createTicketScript(readAsset);
/** Without the table of texts, which names them all. */
const code = script.replace(/^export const TICKET_TEXTS = .*\n/m, "");

test("the view Tickets has a script and a style sheet of its own, of less than 45 KB, which the page loads when it is opened", async () => {
  const { url } = await startTestRuntime();
  const markup = String(await renderPage({ demo: true, language: "en", tickets: true }));
  expect(markup).not.toContain("tickets.js");
  let size = 0;
  for (const path of ["/assets/tickets.js", "/assets/tickets.css"]) {
    const response = await fetch(url + path);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    const text = await response.text();
    size += gzipSync(text).length;
    expect(text.length).toBeLessThan(path.endsWith(".js") ? 40_000 : 5_000);
    const again = await fetch(url + path, { headers: { "if-none-match": response.headers.get("etag") ?? "" } });
    expect([path, again.status]).toEqual([path, 304]);
  }
  expect(size).toBeLessThan(14_000);
});

test("the script of the view Tickets imports only what the page's script exports", () => {
  const [statement = "", names = ""] = /^import \{ (.*) \} from "\/assets\/page\.js";\n/.exec(script) ?? [];
  expect(names.split(", ").length).toBeGreaterThan(10);
  const pageScript = createPageScript(readAsset);
  const missing = names.split(", ").filter((name) => !new RegExp(`^export .*\\b${name}\\b`, "m").test(pageScript));
  expect(missing).toEqual([]);
  const rest = script.slice(statement.length);
  expect(rest).not.toMatch(/^import\b/m);
  expect(() => new Script(rest.replaceAll(/^export /gm, ""))).not.toThrow();
});

test("the view Tickets never renders text as markup", () => {
  expect(code).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|DOMParser/);
});

test("every text that the view Tickets uses exists, and every text is used", () => {
  const names = Object.keys(TICKET_VIEW_TEXTS.en);
  const named = [...code.matchAll(/\btranslateTicket\("([\w.]+)"/g)].map(([, name = ""]) => name);
  const prefixes = [...code.matchAll(/`([\w.]+\.)\$\{/g)].map(([, prefix = ""]) => prefix);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !names.includes(name))).toEqual([]);
  const isUsed = (name: string) => code.includes(`"${name}"`) || prefixes.some((prefix) => name.startsWith(prefix));
  expect(names.filter((name) => !isUsed(name))).toEqual([]);
});
