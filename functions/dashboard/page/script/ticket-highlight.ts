/** Colours of code: lines as parts with a class each. Loaded with the first difference that is shown. */

import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import c from "highlight.js/lib/languages/c";
import cpp from "highlight.js/lib/languages/cpp";
import csharp from "highlight.js/lib/languages/csharp";
import css from "highlight.js/lib/languages/css";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import java from "highlight.js/lib/languages/java";
import javascript from "highlight.js/lib/languages/javascript";
import json from "highlight.js/lib/languages/json";
import kotlin from "highlight.js/lib/languages/kotlin";
import markdown from "highlight.js/lib/languages/markdown";
import php from "highlight.js/lib/languages/php";
import python from "highlight.js/lib/languages/python";
import ruby from "highlight.js/lib/languages/ruby";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import swift from "highlight.js/lib/languages/swift";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

/** A part of a line, with the classes of its colours. */
export type CodePart = readonly [text: string, classes: string];

const LANGUAGES = {
  ...{
    bash,
    c,
    cpp,
    csharp,
    css,
    go,
    ini,
    java,
    javascript,
    json,
    kotlin,
    markdown,
    php,
    python,
    ruby,
    rust,
    sql,
    swift,
  },
  ...{ typescript, xml, yaml },
};

/** Names of languages that are not the endings of their files. */
const ENDINGS: Record<string, keyof typeof LANGUAGES> = {
  ...{
    sh: "bash",
    h: "c",
    cc: "cpp",
    hpp: "cpp",
    cs: "csharp",
    scss: "css",
    toml: "ini",
    kt: "kotlin",
    md: "markdown",
  },
  ...{ js: "javascript", mjs: "javascript", cjs: "javascript", jsx: "javascript", ts: "typescript", tsx: "typescript" },
  ...{ py: "python", rb: "ruby", rs: "rust", html: "xml", svg: "xml", vue: "xml", yml: "yaml", jsonc: "json" },
};

const ENTITIES: Record<string, string> = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#x27;": "'" };

for (const [name, language] of Object.entries(LANGUAGES)) hljs.registerLanguage(name, language);

/** Colours the lines of a file; undefined for a language that is not known. */
export function highlightLines(path: string, lines: readonly string[]): CodePart[][] | undefined {
  const ending = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  const language = ENDINGS[ending] ?? (ending in LANGUAGES ? ending : undefined);
  if (language === undefined) return undefined;
  return readParts(hljs.highlight(lines.join("\n"), { language, ignoreIllegals: true }).value);
}

/** Reads what the highlighter writes, which is nothing but spans with classes and text, so that no text becomes markup. */
function readParts(html: string): CodePart[][] {
  const lines: CodePart[][] = [[]];
  const classes: string[] = [];
  for (const [token, opened] of html.matchAll(/<span class="([^"]*)">|<\/span>|[^<]+/g)) {
    if (opened !== undefined) classes.push(opened);
    else if (token === "</span>") classes.pop();
    else
      for (const [i, text] of token.split("\n").entries()) {
        if (i > 0) lines.push([]);
        const decoded = text.replaceAll(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity] ?? entity);
        if (decoded !== "") lines.at(-1)?.push([decoded, classes.at(-1) ?? ""]);
      }
  }
  return lines;
}
