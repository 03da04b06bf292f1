import { expect, test } from "vitest";
import { joinModules } from "../../../../functions/dashboard/page/bundle.ts";

test("joined modules are in the order in which a browser runs them, each once, with their exports", () => {
  const script = joinModules(
    {
      "page.js": 'import { a } from "./a.js";\nimport "./b.js";\n\na();\n',
      "b.js": 'import { c } from "./c.js";\n\nc();\n',
      "a.js": 'import {\n  c,\n} from "./c.js";\n\nexport function a() {\n  return c();\n}\n',
      "c.js": "/** What c does. */\nexport async function c() {\n  // Nothing.\n}\n",
    },
    "page.js",
  );
  expect(script).toBe("export async function c() {\n}\nexport function a() {\nreturn c();\n}\nc();\na();\n");
});

test("joined modules keep what they import from another script", () => {
  const script = 'import { a } from "/assets/page.js";\na();\n';
  expect(joinModules({ "b.js": script }, "b.js")).toBe(script);
});

test("joined modules keep the spaces in a text on one line", () => {
  expect(joinModules({ "a.js": "f(\n  `  a  `,\n);\n" }, "a.js")).toBe("f(\n`  a  `,\n);\n");
});

const refuse = (sources: Record<string, string>, entry = "a.js") => expect(() => joinModules(sources, entry));

test("modules are not joined when they import each other", () => {
  refuse({ "a.js": 'import "./b.js";\n', "b.js": 'import "./a.js";\n' }).toThrow("a.js → b.js → a.js");
});

test("modules are not joined when one is missing", () => {
  refuse({ "a.js": 'import "./b.js";\n' }).toThrow("There is no module b.js: a.js → b.js.");
  refuse({}, "constructor").toThrow("There is no module constructor:");
});

test("modules are not joined when one is imported by none", () => {
  refuse({ "a.js": "", "b.js": "" }).toThrow("No module imports b.js.");
});

test("modules are not joined when one imports from another folder", () => {
  refuse({ "a.js": 'import { x } from "../x.js";\n' }).toThrow("a.js imports ../x.js");
  refuse({ "a.js": 'import { x } from "x";\n' }).toThrow("a.js imports x");
});

test.each(["const x = 1;", "let x;", "class x {}", "export async function x() {}"])(
  "modules are not joined when two declare the same name: %s",
  (declaration) => {
    const sources = { "a.js": `import "./b.js";\nfunction x() {}\n`, "b.js": `${declaration}\n` };
    refuse(sources).toThrow("b.js and a.js both declare x.");
  },
);

test("modules are not joined when one renames what it imports", () => {
  refuse({ "a.js": 'import { x as y } from "./b.js";\n', "b.js": "" }).toThrow("a.js renames");
});

test.each([
  'import x from "./b.js";',
  'import * as x from "./b.js";',
  "export default 1;",
  "export { x };",
  'export * from "./b.js";',
  "const { x } = y;",
  "export let [x] = y;",
])("modules are not joined when one has a statement that cannot be joined: %s", (statement) => {
  refuse({ "a.js": `${statement}\n` }).toThrow(`a.js cannot be joined with others: ${statement}`);
});

test.each(["f(`\n  b`);\n", 'f("\\\n  b");\n'])(
  "modules are not joined when a text spans lines, whose spaces count: %j",
  (script) => {
    refuse({ "a.js": script }).toThrow("a.js has a text that spans lines: f(");
  },
);
