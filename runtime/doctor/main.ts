import { readEnvironment } from "../node/files.ts";
import { run } from "./run.ts";

process.exitCode = await run(process.argv.slice(2), {
  env: readEnvironment(),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
});
