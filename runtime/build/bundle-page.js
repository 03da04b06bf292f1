/** Bundles the page's scripts and style sheets, each into one file. JavaScript, as build.js is. */

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { ROOT } from "./bundle.js";

const SCRIPTS = "functions/dashboard/page/script";

/**
 * The page, and the terminal of a session with its frame, which are documents of their own. After the page's script,
 * that of the page of the design system, which only `npm run dev` has.
 */
const ENTRIES = [["page.tsx", "design.tsx"], ["terminal.ts"], ["terminal-screen.ts"]];

/** Modules whose exports are texts: the page gets their values, and nothing of what computes them. */
const TEXT_MODULE = /(?:-texts|console\/texts)\.ts$/;

/** The style sheets in the order of the cascade, by the file that has them. */
const STYLES = {
  "page.css": ["base", "parts", "frame", "views"].map(toStylePath),
  "tickets.css": ["tickets"].map(toStylePath),
  "terminal.css": ["base", "parts", "terminal"].map(toStylePath),
  "terminal-screen.css": ["terminal-screen"].map(toStylePath),
  "console.css": ["demo/console/console.css"],
};

/** What the page loads later, besides what it shares with the page. */
const LAZY =
  /script\/(?:design|palette|plan(?:-graph)?|schedules|task-page|ticket-[\w-]+)\.tsx?$|unified-diff\.ts$|\/highlight\.js\/|demo\/console\//;

/** Strings are matched first, so that their content is never changed. */
const NEEDLESS_SPACE = /("[^"]*")|\/\*[\s\S]*?\*\/\n?|\s*([{};,])\s*|(:)\s+/g;

/**
 * Bundles the page into a folder, which it replaces as a whole. What the page loads later (the view Tickets, the
 * demo's console) imports its one script and shares its state. Returns the paths of all modules.
 * @param {string} folder @param {{ design?: boolean }} options with `design` also the page of the design system
 */
export async function bundlePage(folder, { design = false } = {}) {
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const modules = [];
    for (const [first, ...others] of ENTRIES)
      modules.push(...(await bundleScript([first, ...(design ? others : [])], draft)));
    for (const [name, paths] of Object.entries(STYLES)) {
      const style = paths.map((path) => readFileSync(join(ROOT, path), "utf8")).join("");
      writeFileSync(join(draft, name), style.replaceAll(NEEDLESS_SPACE, "$1$2$3"));
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
    return modules;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function toStylePath(name) {
  return `functions/dashboard/page/style/${name}.css`;
}

async function bundleScript(entries, folder) {
  const [entry] = entries;
  const bundle = await rolldown({
    cwd: ROOT,
    platform: "browser",
    input: entries.map((name) => join(ROOT, SCRIPTS, name)),
    external: /^\/(?:terminal|assets)\//,
    plugins: [createPagePlugin(entry)],
    logLevel: "warn",
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    minify: true,
    entryFileNames: "[name].js",
    codeSplitting: { groups: [{ name: entry.replace(/\.tsx?$/, ""), test: (id) => !LAZY.test(id) }] },
    chunkFileNames: ({ name }) => `${name.replace("ticket-view", "tickets")}.js`,
  });
  await bundle.close();
  return output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
}

/** Evaluates the modules of texts, and finds the demo's console, which the product does not import by its path. */
function createPagePlugin(textsOf) {
  return {
    name: "page",
    resolveId(id) {
      if (id === "groundcrew:console") return join(ROOT, "demo/console/script/console.tsx");
      if (id === "./page-texts.ts" && textsOf === "terminal.ts") return join(ROOT, SCRIPTS, "terminal-texts.ts");
      return undefined;
    },
    async load(id) {
      if (!TEXT_MODULE.test(id)) return undefined;
      const exported = Object.entries(await evaluate(id));
      return exported.map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};\n`).join("");
    },
  };
}

/** Evaluates a TypeScript module, which this Node may not be able to load; returns its exports. */
async function evaluate(path) {
  const bundle = await rolldown({ cwd: ROOT, platform: "node", input: path, logLevel: "warn" });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
