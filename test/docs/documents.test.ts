import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { renderDocuments } from "../../docs/generate/documents.ts";
import { listTexts, OTHER_TEXTS, RECEIVED_TEXTS } from "../../docs/generate/messages-sections.ts";
import { listMountedRoutes } from "../../docs/generate/routes-section.ts";
import { TOOLS } from "../../functions/agent/tools.ts";
import { manifest } from "../../functions/index.ts";
import { type ErrorCode, GroundcrewError } from "../../shared/errors.ts";
import { LOCALES } from "../../shared/i18n/localize.ts";
import { getTexts } from "../../shared/i18n/texts.ts";
import { QUEUES } from "../../shared/store/port.ts";
import { isShellBlock, PAGES, readBlocks, readInlineCommands, readProse } from "./document-blocks.ts";

const readDocument = (name: string) => readFileSync(`docs/${name}.md`, "utf8");

test("docs/ explains every route of the manifest, every tick, every queue and every error's status", async () => {
  const explanations = readDocument("http-api").split("<!-- end of routes -->")[1] ?? "";
  const routes = (await listMountedRoutes()).map(({ name }) => name);
  expect(routes.length).toBeGreaterThan(20);
  expect(routes.filter((name) => !explanations.includes(`\`${name}\``))).toEqual([]);
  expect(manifest.ticks.filter(({ name }) => !readDocument("operations").includes(`| \`${name}\` |`))).toEqual([]);
  expect(QUEUES.filter((queue) => !readDocument("troubleshooting").includes(`| \`${queue}\` |`))).toEqual([]);
  const rows = [...readDocument("http-api").matchAll(/^\| `(\w+)` \| (\d{3}) \|/gm)];
  expect(rows).toHaveLength(12);
  for (const [, code, status] of rows)
    expect(new GroundcrewError(code as ErrorCode, "").status, code).toBe(Number(status));
});

test("README and docs/ state no number of tools, checks, settings or alerts, which would be wrong after the next one", () => {
  const numbers = /\b\d+ (?:tools|checks|settings|alerts|metrics|routes)\b/g;
  const stated = PAGES.flatMap((path) =>
    [...readFileSync(path, "utf8").matchAll(numbers)].map(([text]) => `${path}: ${text}`),
  );
  expect(stated).toEqual([]);
});

const DOCUMENTS = [
  ...globSync("*.md").filter((path) => path !== "CHANGELOG.md"),
  ...globSync("docs/**/*.md"),
  ...globSync("skills/**/*.md"),
];
const FOLDERS = /^(?:\.ci|bench|demo|docs|functions|runtime|shared|simulators|skills|test)\//;

/** Code spans and links, without blocks of code. */
const withoutBlocks = (path: string) => readFileSync(path, "utf8").replaceAll(/^ *```.*?^ *```$/gms, "");

function findMissingPaths(path: string): string[] {
  const spans = [...withoutBlocks(path).matchAll(/`([^`\s]+)`/g)].map(([, span = ""]) => span);
  return spans.filter((span) => FOLDERS.test(span) && globSync(span.replace(/\/$/, "")).length === 0);
}

function findBrokenLinks(path: string): string[] {
  const links = [...withoutBlocks(path).matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)].map(
    (match) => match[1] ?? match[2],
  );
  return links.filter((link = "") => {
    if (/^https?:/.test(link)) return false;
    const [file = "", anchor] = link.split("#");
    const target = file === "" ? path : normalize(join(dirname(path), file));
    if (!existsSync(target)) return true;
    return anchor !== undefined && !listAnchors(target).includes(anchor);
  }) as string[];
}

/** The anchors GitHub gives to a document's headings. */
function listAnchors(path: string): string[] {
  const headings = [...withoutBlocks(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test("Documents name only files and folders that exist, and have only links that lead somewhere", () => {
  const missing = (find: (path: string) => string[]) =>
    DOCUMENTS.flatMap((path) => find(path).map((found) => `${path}: ${found}`));
  expect(missing(findMissingPaths)).toEqual([]);
  expect(missing(findBrokenLinks)).toEqual([]);
  const requirements = withoutBlocks("docs/requirements.md");
  const tests = [...requirements.matchAll(/`([^`\s]+\.test\.ts)`/g)].map(([, path = ""]) => path);
  expect(tests.length).toBeGreaterThan(20);
  expect(tests.filter((path) => !path.startsWith("test/"))).toEqual([]);
});

test("README stays short enough to read and says how to clone; troubleshooting first answers why an agent was not woken", () => {
  expect(readFileSync("README.md", "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(130);
  expect(readProse("README.md")).toMatch(/^git clone \S+/m);
  expect(/^## (.+)$/m.exec(readProse("docs/troubleshooting.md"))?.[1]).toBe("Why was my agent not woken?");
});

test("Every decision has a number, a status and a date, and is in the index", () => {
  const index = readFileSync("docs/decisions/README.md", "utf8");
  for (const path of globSync("docs/decisions/0*.md")) {
    const [title = "", , status = ""] = readFileSync(path, "utf8").split("\n");
    expect(title, path).toMatch(new RegExp(`^# ${/\d{4}/.exec(path)?.[0]} `));
    expect(status, path).toMatch(/^\*\*Status\.\*\* (?:Accepted|Superseded by .+), \d{4}-\d\d-\d\d/);
    expect(index).toContain(`](${path.split("/").at(-1)})`);
  }
});

/** Most words of README and docs/ without their generated sections and without docs/decisions. */
const MOST_WORDS = 25_000;

const countWords = (text: string) => text.split(/\s+/).filter(Boolean).length;

test(`README and docs/ have at most ${MOST_WORDS} words, without what is generated`, () => {
  const words = Object.fromEntries(PAGES.map((page) => [page, countWords(readProse(page))]));
  const total = Object.values(words).reduce((sum, count) => sum + count, 0);
  expect(total, JSON.stringify(words, undefined, 2)).toBeLessThanOrEqual(MOST_WORDS);
});

/** Pages about nothing that one does with commands. */
const WITHOUT_COMMANDS = ["docs/left-out.md", "docs/messages.md"];

test("every page starts with the commands for the usual case", () => {
  for (const page of PAGES) {
    if (WITHOUT_COMMANDS.includes(page) || page === "README.md") continue;
    expect(readBlocks(page)[0]?.heading, page).toBe(/^# (.+)$/m.exec(readProse(page))?.[1]);
  }
});

test("the generated sections of docs/ agree with the schemas and the manifest", async () => {
  const stale = (await renderDocuments()).filter(({ current, expected }) => current !== expected);
  const paths = stale.map(({ path }) => path);
  expect(paths, "These documents are stale. Run `npm run docs` and commit what it writes.").toEqual([]);
});

const CALL = /readShellBlock\(\s*"([^"]+)",\s*"([^"]+)"(?:,\s*(\d+))?,?\s*\)/g;

/** The shell blocks of all pages as `page, heading, number below the heading`. */
function listShellBlocks() {
  return PAGES.flatMap((page) => {
    const counts = new Map<string, number>();
    const shell = readBlocks(page).filter(isShellBlock);
    return shell.map(({ heading, needs }) => {
      counts.set(heading, (counts.get(heading) ?? 0) + 1);
      return { name: `${page}, ${heading}, ${counts.get(heading)}`, needs };
    });
  });
}

/** The blocks that tests run. */
function listRuns(): Set<string> {
  const texts = globSync("test/docs/*.test.ts").map((path) => readFileSync(path, "utf8"));
  const calls = texts.flatMap((text) => [...text.matchAll(CALL)]);
  return new Set(calls.map(([, page, heading, nth = "1"]) => `${page}, ${heading}, ${nth}`));
}

test("Every shell block of README and docs/ is run by a test of this folder, or marked with what it needs", () => {
  const runs = listRuns();
  const blocks = listShellBlocks();
  expect(blocks.length).toBeGreaterThan(40);
  const wrong = blocks.filter(({ name, needs }) => (needs === undefined) !== runs.has(name)).map(({ name }) => name);
  expect(wrong).toEqual([]);
  expect(blocks.filter(({ needs }) => needs !== undefined && !/^needs [a-z]/i.test(needs))).toEqual([]);
});

test("Commands in the text of README and docs/ name scripts of package.json, commands and tools", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const commands =
    "start tickets requests why people schedules runner openclaw backup restore provision doctor agents".split(" ");
  const known = new Set([...Object.keys(scripts), ...commands, ...TOOLS.map(({ name }) => name), "--help", "…"]);
  const inline = PAGES.flatMap((page) => readInlineCommands(page, /^(?:npm run|npx groundcrew|groundcrew) /));
  expect(inline.length).toBeGreaterThan(50);
  const names = inline.map(
    (command) => /^(?:npm run|npx groundcrew|groundcrew)(?: --silent)? (\S+)/.exec(command)?.[1] ?? "",
  );
  expect(names.filter((name) => !name.startsWith("<") && !known.has(name))).toEqual([]);
});

const shown = readFileSync("docs/messages.md", "utf8").replaceAll("<br>", "\n").replace(/\\(.)/g, "$1");

test("docs/messages.md has every text that a person can receive, in both languages", () => {
  const sections = Object.keys(getTexts("en")).filter((name) => !OTHER_TEXTS.includes(name));
  const unknown = sections.filter((name) => RECEIVED_TEXTS[name] === undefined);
  expect(unknown, "sections of shared/i18n that docs/generate/messages-sections.ts does not render").toEqual([]);
  const texts = sections.flatMap(listTexts);
  expect(texts.length).toBeGreaterThan(500);
  for (const locale of LOCALES) {
    const missing = texts.filter((one) => !shown.includes(one.texts[locale].trim()));
    expect(missing.map(({ name }) => name)).toEqual([]);
  }
});

test("docs/messages.md shows no Markdown of agents and no placeholder", () => {
  expect(shown.match(/\*\*|\{\w+\}/g)).toBeNull();
});
