import { stripComments } from "./strip-comments.ts";

/** The import statements that can be removed: names without aliases, or an import for its side effects. */
const IMPORT_STATEMENT = /^import (?:\{([^}]*)\} from )?"([^"]+)";\n/gm;
/** Statements whose removal is not enough: default and namespace imports, lists of exports, destructured values. */
const UNSUPPORTED_STATEMENT = /^(?:import\b|export (?:default|\*|\{)|(?:export )?(?:const|let|var) [{[]).*/m;
const TOP_LEVEL_NAME = /^(?:export )?(?:async )?(?:function\*?|class|const|let|var) ([\w$]+)/gm;

interface ParsedModule {
  /** The imported modules, in the order in which a browser would run them. */
  imports: string[];
  topLevelNames: string[];
  /** The module's statements without these imports, comments and indentation. */
  body: string;
}

/**
 * Joins modules into one script, the entry last, each after those it imports. Its exports stay. Modules import each other
 * as "./name.js"; an import whose path begins with "/" belongs to another script and stays.
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
