import { readFileSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { files, readEnvironment } from "../node/files.ts";
import { newSecret } from "../node/secret.ts";
import { wait } from "../wait.ts";
import { disk } from "./disk.ts";
import { run } from "./run.ts";

const isTerminal = process.stdin.isTTY === true && process.stderr.isTTY === true;

process.exitCode = await run(process.argv.slice(2), {
  env: readEnvironment(),
  files,
  disk,
  fetch,
  clock: Date.now,
  wait,
  newSecret,
  skill: readFileSync(new URL("../../skills/plane-bridge/SKILL.md", import.meta.url), "utf8"),
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  ...(isTerminal && { ask }),
});

async function ask(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(`${question} [y/N] `);
  lines.close();
  return /^(y|yes|o|oui)$/i.test(answer.trim());
}
