/** Bundles programs of the product with every package that they need. JavaScript, as build.js is. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Bundles programs into a folder, with source maps; returns the paths of all modules that are in them.
 * @param {Record<string, string>} programs their sources by their names in the folder
 * @param {string} folder
 */
export async function bundlePrograms(programs, folder) {
  const bundle = await rolldown({
    cwd: ROOT,
    platform: "node",
    input: programs,
    // jsonc-parser's other build cannot be bundled.
    resolve: { mainFields: ["module", "main"] },
    logLevel: "warn",
  });
  const { output } = await bundle.write({
    dir: folder,
    format: "esm",
    sourcemap: true,
    minify: true,
    entryFileNames: "[name].js",
    chunkFileNames: ({ moduleIds }) =>
      moduleIds.some(isOfDemo) ? "demo/chunks/[name]-[hash].js" : "chunks/[name]-[hash].js",
  });
  await bundle.close();
  for (const { fileName } of output) if (fileName.endsWith(".map")) removeSources(join(folder, fileName));
  return output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : []));
}

/** Whether only the demo has a module. A production tree leaves these out. */
function isOfDemo(id) {
  return id.startsWith(join(ROOT, "demo/")) || id.startsWith(join(ROOT, "simulators/"));
}

/** A source map names the places in the sources; their texts would be two thirds of the build. */
function removeSources(path) {
  const { sourcesContent, ...map } = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify(map));
}
