/**
 * npm runs this after `npm ci` in a checkout: it builds dist/, so that `npm start` runs the build. Where the bundler
 * was left out (`--omit=dev` or, with its native part, `--omit=optional`), a build that is there already stays as it
 * is.
 *
 * It is the script `postprepare`, which npm runs in a checkout as it runs `prepare`: about a `prepare` npm warns
 * whoever installs the package from a file or an address, although it would not run it.
 *
 * JavaScript that any version of Node loads, because npm may run on an older one.
 */

import { existsSync } from "node:fs";

const hasBundler = await import("rolldown").then(
  () => true,
  () => false,
);

if (hasBundler) await import("./build.js");
else if (!existsSync(new URL("../../dist/start.js", import.meta.url))) {
  process.stderr.write(
    "Groundcrew cannot be built, because its bundler is not installed: run `npm ci` without --omit.\n",
  );
  process.exitCode = 1;
}
