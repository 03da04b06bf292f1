// Becomes a session's program: tmux starts this file, so that neither environment nor token is part of a command line,
// which every process of the machine can read. The proxy of a box that reaches some hosts only is started before.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync, unlinkSync } from "node:fs";

const path = process.argv[2] ?? "";
try {
  const { program, args, env, proxy } = JSON.parse(readFileSync(path, "utf8"));
  accessSync(program, constants.X_OK);
  unlinkSync(path);
  if (proxy) {
    // It ends with this process, and is found with the session's by its environment.
    const child = spawn(process.execPath, proxy, { env, stdio: ["ignore", "pipe", "ignore"], detached: true });
    await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
    if (child.exitCode !== null) throw new Error("the proxy of its box has ended");
  }
  process.execve(program, [program, ...args], env);
} catch (thrown) {
  process.stderr.write(`Groundcrew cannot start the session: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  process.exitCode = 127;
}
