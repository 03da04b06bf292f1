import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const path = fileURLToPath(new URL("../package.json", import.meta.url));
const { scripts } = z
  .object({ scripts: z.object({ start: z.string() }) })
  .parse(JSON.parse(readFileSync(path, "utf8")));

/** The flags that `npm start` passes to Node, so that the measured product runs as in production. */
export const START_FLAGS: readonly string[] = scripts.start.split(" ").filter((word) => word.startsWith("--"));
