import { joinModules } from "./join-modules.ts";
import { PAGE_SCRIPTS } from "./page-files.ts";

/** An import by its names and the file that it names. */
const MODULE_IMPORT = /^import \{([^}]*)\} from "[^"]*\/([\w-]+\.js)";\n/gm;

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
