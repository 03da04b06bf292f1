import { execFile } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { readProject } from "../compose/compose-files.ts";
import { createDockerLines, createStandIns } from "../compose/docker-stand-in.ts";
import { readDockerfile } from "../compose/dockerfile.ts";
import { createTestFolder } from "../support/test-folder.ts";

const execute = promisify(execFile);

/** A server with a checkout and stand-ins for the programs that would need Docker, systemd or the Internet. */
export function createServer() {
  const folder = createTestFolder("server");
  const source = join(folder, "source");
  for (const name of ["compose", "caddy"]) cpSync(name, join(source, name), { recursive: true });
  rmSync(join(source, "compose/.env"), { force: true });
  const compose = join(folder, "groundcrew/compose");
  const standIns = createStandIns(folder, {
    docker: createDockerLines(folder),
    git: 'if [ "$1" = clone ]; then cp -R "$2" "$3"; fi',
    sudo: "",
    // The group of Docker's socket, which is not there.
    stat: 'case "$*" in *docker.sock) echo 998 ;; *) exec /usr/bin/stat "$@" ;; esac',
  });
  /** Runs a block as it is written, but for its placeholders, with the answers to its questions. */
  const run = async (text: string, { cwd = compose, answers = "", env = {} } = {}) => {
    const script = text.replaceAll("<this repository>", source).replaceAll("…", "theirs");
    const options = { cwd, env: { PATH: standIns.path, HOME: folder, ...env } };
    const running = execute("sh", ["-euc", script], options);
    // A block may end before it has read all answers; how it ended is what it reports.
    running.child.stdin?.on("error", () => {}).end(answers);
    return await running;
  };
  const readDocker = () => standIns.readCalls().flatMap(([program, ...words]) => (program === "docker" ? [words] : []));
  return { folder, compose, run, readCalls: standIns.readCalls, readDocker };
}

/** Checks the calls of Compose: known commands, of services of the project, and programs that the image has. */
export function expectComposeCalls(calls: string[][], env: Record<string, string>): void {
  const { services } = readProject(env);
  const image = readDockerfile()
    .map(({ value }) => value)
    .join("\n");
  for (const [program, command, ...rest] of calls) {
    const words = rest.filter((word) => !word.startsWith("-"));
    const line = [program, command, ...rest].join(" ");
    if (program !== "compose") continue;
    expect(["up", "ps", "run", "restart", "exec", "cp", "config", "logs"], line).toContain(command);
    const named = command === "run" || command === "exec" ? words.slice(0, 1) : command === "cp" ? [] : words;
    for (const name of named) expect(services, line).toHaveProperty(name);
    if (command === "cp") expect(services, line).toHaveProperty(words[0]?.split(":")[0] ?? "");
    if (command === "run" && words[1] !== "sh") expect(image, line).toContain(`/usr/local/bin/${words[1]}`);
  }
}
