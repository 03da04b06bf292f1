import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { TOOLS } from "../../functions/agent/tools.ts";
import { isShellBlock, PAGES, readBlocks, readInlineCommands } from "./document-blocks.ts";

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
  expect(blocks.filter(({ name, needs }) => needs === undefined && !runs.has(name)).map(({ name }) => name)).toEqual(
    [],
  );
});

test("A shell block that a test runs has no mark, and a mark says what is needed", () => {
  const runs = listRuns();
  const marked = listShellBlocks().filter(({ needs }) => needs !== undefined);
  expect(marked.filter(({ name }) => runs.has(name))).toEqual([]);
  expect(marked.filter(({ needs }) => !/^needs [a-z]/i.test(needs ?? ""))).toEqual([]);
});

test("Commands in the text of README and docs/ name scripts of package.json, commands and tools", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  const commands = ["start", "tickets", "runner", "openclaw", "backup", "restore", "provision", "doctor"];
  const known = new Set([...Object.keys(scripts), ...commands, ...TOOLS.map(({ name }) => name), "--help", "…"]);
  const inline = PAGES.flatMap((page) => readInlineCommands(page, /^(?:npm run|npx groundcrew|groundcrew) /));
  expect(inline.length).toBeGreaterThan(50);
  const names = inline.map(
    (command) => /^(?:npm run|npx groundcrew|groundcrew)(?: --silent)? (\S+)/.exec(command)?.[1] ?? "",
  );
  expect(names.filter((name) => !name.startsWith("<") && !known.has(name))).toEqual([]);
});
