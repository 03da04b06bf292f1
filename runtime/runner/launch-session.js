// Becomes a session's program: tmux starts this file, so that neither environment nor token is part of a command line,
// which every process of the machine can read.
import { accessSync, constants, readFileSync, unlinkSync } from "node:fs";

const path = process.argv[2] ?? "";
try {
  const { program, args, env } = JSON.parse(readFileSync(path, "utf8"));
  accessSync(program, constants.X_OK);
  unlinkSync(path);
  process.execve(program, [program, ...args], env);
} catch (thrown) {
  process.stderr.write(`Groundcrew cannot start the session: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  process.exitCode = 127;
}
