import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";

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

test.each(DOCUMENTS)("A document: %s names only files and folders that exist", (path) => {
  expect(findMissingPaths(path)).toEqual([]);
});

test.each(DOCUMENTS)("A document: %s has only links that lead somewhere", (path) => {
  expect(findBrokenLinks(path)).toEqual([]);
});

test("A document names tests by their whole path in docs/requirements.md", () => {
  const tests = [...withoutBlocks("docs/requirements.md").matchAll(/`([^`\s]+\.test\.ts)`/g)].map(([, path]) => path);
  expect(tests.length).toBeGreaterThan(20);
  expect(tests.filter((path = "") => !path.startsWith("test/"))).toEqual([]);
});

test("A document stays short enough to read in README.md", () => {
  expect(readFileSync("README.md", "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(130);
});

const decisions = globSync("docs/decisions/0*.md");

test.each(decisions)("A decision: %s has a number, a status and a date", (path) => {
  const [title = "", , status = ""] = readFileSync(path, "utf8").split("\n");
  expect(title).toMatch(new RegExp(`^# ${/\d{4}/.exec(path)?.[0]} `));
  expect(status).toMatch(/^\*\*Status\.\*\* (?:Accepted|Superseded by .+), \d{4}-\d\d-\d\d/);
});

test.each(decisions)("The index of decisions lists %s", (path) => {
  expect(readFileSync("docs/decisions/README.md", "utf8")).toContain(`](${path.split("/").at(-1)})`);
});
