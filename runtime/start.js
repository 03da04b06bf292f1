// Plain JavaScript, so that a Node that cannot run TypeScript can still say so.
import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

if (process.features.typescript) {
  // With types stripped and code compiled at an earlier start, this one is faster and needs less memory.
  // In a folder that only who installs may write; where nobody may, it does without.
  enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/groundcrew", import.meta.url)));
  await import("./main.ts");
} else {
  process.stderr.write(
    `Groundcrew needs Node 22.18 or newer; this is ${process.version}. On Linux \`npm ci\` brings Node 24 with it: start with \`npm start\`.\n`,
  );
  process.exit(1);
}
