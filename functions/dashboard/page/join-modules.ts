import { stripComments } from "./strip-comments.ts";

/** The import statements that can be joined: names as they are exported, or nothing at all. */
const IMPORT_STATEMENT = /^import (?:\{([^}]*)\} from )?"([^"]+)";\n/gm;
/** What would need more than the removal of a line: default and namespace imports, lists of exports, unpacked values. */
const UNSUPPORTED_STATEMENT = /^(?:import\b|export (?:default|\*|\{)|(?:export )?(?:const|let|var) [{[]).*/m;
const TOP_LEVEL_NAME = /^(?:export )?(?:async )?(?:function\*?|class|const|let|var) ([\w$]+)/gm;

interface ParsedModule {
  /** The modules it imports, in the order in which the browser would run them. */
  imports: string[];
  topLevelNames: string[];
  /** Its statements without those imports, comments and indentation. */
  body: string;
}

/**
 * One script of several modules, the entry last, each after those it imports. Its exports stay. A module imports another
 * one as "./name.js"; what begins with "/" is another script's address and stays imported.
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

/** Only a text that spans lines could need it. */
function stripIndentation(name: string, script: string): string {
  const spanning = script.split("\n").find((line) => line.endsWith("\\") || line.split("`").length % 2 === 0);
  if (spanning !== undefined) throw new Error(`${name} has a text that spans lines: ${spanning.trim()}`);
  return script.replaceAll(/^\s+/gm, "");
}
