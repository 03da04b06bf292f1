import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Code that shows texts to people, in Telegram and on the page. */
const SHOWS_TEXTS = [
  ...["commands", "delivery", "digest", "live-messages", "presentation"].map(
    (folder) => `functions/telegram/${folder}`,
  ),
  "functions/dashboard/page/script",
  "functions/wake/review-wakes.ts",
  "shared/monitoring",
  "shared/tasks/card-comment.ts",
];

/** Code that writes HTML to Plane; its other texts are for agents and the log. */
const WRITES_HTML = ["functions/canary.ts", "functions/provision", "shared/tasks", "shared/sync"];

/** What stands before a text for the log, for agents and administrators (errors), or for a job's record. */
const FOR_OTHERS =
  /(?:log(?:\.\w+|\[[^\]]*\])|new \w*Error)\($|(?:refused|dead|reason|message)\b[^;]{0,60}$|Error\([^;]{0,60}$/i;

const LITERALS = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g;

function listFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => listFiles(join(path, name)));
}

function findLiterals(file: string): { text: string; before: string }[] {
  const code = readFileSync(file, "utf8");
  return [...code.matchAll(LITERALS)]
    .filter(([literal]) => !literal.startsWith("/"))
    .map(({ 0: literal, index }) => ({
      text: literal.slice(1, -1).replace(/\$\{[^}]*\}/g, "§"),
      before: code.slice(Math.max(0, index - 120), index).trimEnd(),
    }));
}

/** The design page is for developers. */
const DEVELOPMENT = "functions/dashboard/page/script/design.tsx";

const listCode = (paths: string[]) =>
  paths.flatMap(listFiles).filter((file) => /(?<!\.d)\.(?:tsx?|js)$/.test(file) && file !== DEVELOPMENT);

test("messages and the page have their texts from the tables of texts, not from the code", () => {
  const files = listCode(SHOWS_TEXTS);
  const texts = files.flatMap((file) =>
    findLiterals(file)
      // A command is the same in every language.
      .filter(({ text, before }) => !FOR_OTHERS.test(before) && !text.startsWith("groundcrew "))
      // Three words, or two of which the first begins a sentence. Attributes of elements have fewer.
      .filter(({ text }) => /\p{L}{2,} \p{Ll}{2,} \p{Ll}{2,}|(?:^|[>\s])\p{Lu}\p{Ll}+ \p{Ll}{2,}/u.test(text))
      .map(({ text }) => `${file}: ${text}`),
  );
  expect(files.length).toBeGreaterThan(25);
  expect(texts).toEqual([]);
});

test("what Groundcrew writes to Plane has its words from the tables of texts, not from the code", () => {
  const texts = listCode(WRITES_HTML).flatMap((file) =>
    findLiterals(file)
      .filter(({ text }) => /<(?:p|strong|li|em|td)>[^<>§{]*\p{L}{3,}/u.test(text))
      .map(({ text }) => `${file}: ${text}`),
  );
  expect(texts).toEqual([]);
});
