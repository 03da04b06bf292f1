import { readEnvironment } from "../node/files.ts";
import { createStatusLine, endOnSignals } from "../node/process.ts";
import { runDoctor } from "./run-doctor.ts";

const status = createStatusLine();
endOnSignals(status, "groundcrew: stopped before the end. Nothing was changed.");

process.exitCode = await runDoctor(process.argv.slice(2), {
  env: readEnvironment(),
  out: (text) => void process.stdout.write(text),
  err: status.write,
});
