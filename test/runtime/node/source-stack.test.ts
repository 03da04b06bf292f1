import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { expect, onTestFinished, test } from "vitest";
import { toSourceStack } from "../../../runtime/node/process.ts";

test("a stack of a minified build names the lines of the sources", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-stack-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const lines = ["// A comment.", "function fail() {", '  throw new Error("broken");', "}", "try {", "  fail();"];
  writeFileSync(
    join(folder, "source.ts"),
    [...lines, "} catch (thrown) {", "  console.log(thrown.stack);", "}"].join("\n"),
  );
  const bundle = await rolldown({ cwd: folder, input: "source.ts" });
  await bundle.write({
    dir: join(folder, "dist"),
    format: "esm",
    entryFileNames: "[name].js",
    sourcemap: true,
    minify: true,
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  // In a process of its own, because vitest has Node read source maps itself.
  const stack = execFileSync(process.execPath, [join(folder, "dist/source.js")], { encoding: "utf8" });
  expect(stack).toContain("/dist/source.js:1:");
  expect(toSourceStack(stack)).toMatch(/^Error: broken\n.*\bsource\.ts:3:\d+/);
});

test("positions without a source map stay as they are", () => {
  const stack = "Error: broken\n    at file:///nowhere/dist/chunks/main.js:1:20\n    at node:internal/process:1:2";
  expect(toSourceStack(stack)).toBe(stack);
});
