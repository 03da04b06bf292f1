/**
 * The page's files and how they are joined. Scripts and style sheets are kept as modules by view; the server joins
 * them into one file each when it starts, so that no build is needed. The texts are joined as a module of their own.
 * This module knows no server, because the script's types come from it.
 */

import type { Locale } from "../../../shared/i18n/localize.ts";
import { getTexts, type PageTexts, type PageViewTexts } from "../../../shared/i18n/texts.ts";

interface ParsedModule {
  /** The imported modules, in the order in which a browser would run them. */
  imports: string[];
  topLevelNames: string[];
  /** The module's statements without these imports, comments and indentation. */
  body: string;
}

/** The modules of the page's script, which are served as one file; `page.js` is its entry. */
export const PAGE_SCRIPTS = [
  "administration.js",
  "api.js",
  "board.js",
  "chat.js",
  "decision-log.js",
  "dom.js",
  "language.js",
  "page.js",
  "plan.js",
  "plan-graph.js",
  "tasks.js",
  "team.js",
  "updates.js",
  "views.js",
] as const;

type ScriptName =
  | (typeof PAGE_SCRIPTS | typeof TICKET_SCRIPTS)[number]
  | (typeof TERMINAL_SCRIPTS)[number]
  | typeof TERMINAL_SCREEN_SCRIPT;

/**
 * The modules of the view Tickets, which the page loads when the view is opened first; `ticket-view.js` is their entry.
 * They import the page's modules.
 */
export const TICKET_SCRIPTS = ["ticket-actions.js", "ticket-cards.js", "ticket-sessions.js", "ticket-view.js"] as const;

/** The modules of the terminal's document, which are served as one file; `terminal.js` is its entry. */
export const TERMINAL_SCRIPTS = ["api.js", "dom.js", "language.js", "terminal.js", "terminal-typing.js"] as const;

/** The script of the frame that shows a terminal's picture. */
export const TERMINAL_SCREEN_SCRIPT = "terminal-screen.js";

/** The style sheets of the terminal's document. */
export const TERMINAL_STYLES = ["base.css", "terminal.css"] as const;

export const TERMINAL_SCREEN_STYLE = "terminal-screen.css";

/** The terminal emulator, as its package has it. */
export const XTERM_FILES = {
  "xterm.js": "node_modules/@xterm/xterm/lib/xterm.mjs",
  "xterm.css": "node_modules/@xterm/xterm/css/xterm.css",
} as const;

/** A file of the page, by its path in the repository. */
export type PageFile =
  | `functions/dashboard/page/script/${ScriptName}`
  | `functions/dashboard/page/style/${StyleName}`
  | (typeof XTERM_FILES)[keyof typeof XTERM_FILES];

/** Reads a file of the page as text. */
export type AssetReader = (path: PageFile) => string;

/** The page's style sheets in the order of the cascade. */
export const PAGE_STYLES = [
  "base.css",
  "frame.css",
  "board.css",
  "views.css",
  "plan.css",
  "decision-log.css",
  "chat.css",
] as const;

type StyleName =
  | (typeof PAGE_STYLES | typeof TICKET_STYLES)[number]
  | (typeof TERMINAL_STYLES)[number]
  | typeof TERMINAL_SCREEN_STYLE;

/** The style sheets of the view Tickets. */
export const TICKET_STYLES = ["tickets.css"] as const;

/** The import statements that can be removed: names without aliases, or an import for its side effects. */
const IMPORT_STATEMENT = /^import (?:\{([^}]*)\} from )?"([^"]+)";\n/gm;

/** Statements whose removal is not enough: default and namespace imports, lists of exports, destructured values. */
const UNSUPPORTED_STATEMENT = /^(?:import\b|export (?:default|\*|\{)|(?:export )?(?:const|let|var) [{[]).*/m;

const TOP_LEVEL_NAME = /^(?:export )?(?:async )?(?:function\*?|class|const|let|var) ([\w$]+)/gm;

/** An import by its names and the file that it names. */
const MODULE_IMPORT = /^import \{([^}]*)\} from "[^"]*\/([\w-]+\.js)";\n/gm;

/** Strings are matched first, so that their content is never changed. */
const NEEDLESS_SPACE = /("[^"]*")|\/\*[\s\S]*?\*\/\n?|\s*([{};,])\s*|(:)\s+/g;

/** All texts of the page, by language code. */
export const PAGE_TEXTS: Record<Locale, PageTexts & PageViewTexts> = {
  en: { ...getTexts("en").page, ...getTexts("en").pageViews },
  fr: { ...getTexts("fr").page, ...getTexts("fr").pageViews },
};

export type PageTextTable = typeof PAGE_TEXTS;

/** The page's texts as a module that the page's script imports. */
export const TEXTS_SCRIPT = `export const TEXTS = ${JSON.stringify(PAGE_TEXTS)};\n`;

/** Reads scripts of the page and joins them and their texts, a module by name, into one. */
export function joinScripts(
  readAsset: AssetReader,
  names: readonly ScriptName[],
  texts: Readonly<Record<string, string>>,
  entry: ScriptName,
  join = joinModules,
): string {
  const sources = names.map((name) => [name, readAsset(`functions/dashboard/page/script/${name}`)] as const);
  return join({ ...Object.fromEntries(sources), ...texts }, entry);
}

/** Reads style sheets of the page and joins them in this order. */
export function joinStyles(readAsset: AssetReader, names: readonly StyleName[]): string {
  return compactStyle(names.map((name) => readAsset(`functions/dashboard/page/style/${name}`)).join(""));
}

/**
 * Joins modules into one script, the entry last, each after those it imports. Its exports stay. Modules import each
 * other as "./name.js"; an import whose path begins with "/" belongs to another script and stays.
 * @throws when the modules cannot share one scope, or when one is missing, imports itself or is not imported at all
 */
export function joinModules(sources: Readonly<Record<string, string>>, entry: string): string {
  const bodies = new Map<string, string>();
  const owners = new Map<string, string>();

  function addModule(name: string, path: readonly string[]) {
    const here = [...path, name];
    if (path.includes(name)) throw new Error(`Modules import each other: ${here.join(" → ")}.`);
    if (bodies.has(name)) return;
    const source = Object.hasOwn(sources, name) ? sources[name] : undefined;
    if (source === undefined) throw new Error(`There is no module ${name}: ${here.join(" → ")}.`);
    const { imports, topLevelNames, body } = parseModule(name, source);
    for (const imported of imports) addModule(imported, here);
    for (const topLevelName of topLevelNames) {
      const owner = owners.get(topLevelName);
      if (owner !== undefined) throw new Error(`${owner} and ${name} both declare ${topLevelName}.`);
      owners.set(topLevelName, name);
    }
    bodies.set(name, body);
  }

  addModule(entry, []);
  const unused = Object.keys(sources).filter((name) => !bodies.has(name));
  if (unused.length > 0) throw new Error(`No module imports ${unused.join(", ")}.`);
  return [...bodies.values()].join("");
}

function parseModule(name: string, source: string): ParsedModule {
  const imports: string[] = [];
  const statements = stripComments(source).replaceAll(IMPORT_STATEMENT, (statement, names = "", specifier = "") => {
    if (specifier.startsWith("/")) return statement;
    if (!specifier.startsWith("./")) throw new Error(`${name} imports ${specifier}, which is no module of the page.`);
    if (/\sas\s/.test(names)) throw new Error(`${name} renames what it imports from ${specifier}.`);
    imports.push(specifier.slice("./".length));
    return "";
  });
  const unsupported = UNSUPPORTED_STATEMENT.exec(statements.replaceAll(IMPORT_STATEMENT, ""));
  if (unsupported) throw new Error(`${name} cannot be joined with others: ${unsupported[0]}`);
  const topLevelNames = [...statements.matchAll(TOP_LEVEL_NAME)].map(([, topLevelName = ""]) => topLevelName);
  return { imports, topLevelNames, body: stripIndentation(name, statements) };
}

/** Indentation matters only in a string that spans lines. */
function stripIndentation(name: string, script: string): string {
  const spanning = script.split("\n").find((line) => line.endsWith("\\") || line.split("`").length % 2 === 0);
  if (spanning !== undefined) throw new Error(`${name} has a text that spans lines: ${spanning.trim()}`);
  return script.replaceAll(/^\s+/gm, "");
}

/**
 * Joins the modules of a script that is loaded besides the page's. What they import from modules of the page comes from
 * the page's one script, so that both share its state.
 */
export function joinPageAddition(sources: Readonly<Record<string, string>>, entry: string): string {
  const imported = new Set<string>();
  const isOfPage = (file: string) => (PAGE_SCRIPTS as readonly string[]).includes(file);
  const own = Object.entries(sources).map(([name, source]) => {
    const rest = source.replaceAll(MODULE_IMPORT, (statement, names: string, file: string) => {
      if (!isOfPage(file)) return statement;
      for (const one of names.match(/\w+/g) ?? []) imported.add(one);
      return "";
    });
    return [name, rest] as const;
  });
  return `import { ${[...imported].join(", ")} } from "/assets/page.js";\n${joinModules(Object.fromEntries(own), entry)}`;
}

/** Removes the comments that fill whole lines from a script: they are a quarter of it, and no browser needs them. */
export function stripComments(script: string): string {
  return script.replaceAll(/^ *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n/gm, "").replaceAll(/^ *\/\/.*\n/gm, "");
}

/** Removes comments and needless spaces from a style sheet, which are a fifth of it. */
export function compactStyle(style: string): string {
  return style.replaceAll(NEEDLESS_SPACE, "$1$2$3");
}
