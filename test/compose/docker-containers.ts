import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../runtime/cli.js", import.meta.url));

/**
 * Stands in for the docker command: records how it is called, and runs what a container would run on this machine. A path
 * in a container becomes the host's by the volumes that the call or `volumes` names.
 */
interface StandIn {
  /** Every call is added to this file, as JSON. */
  log: string;
  services: string[];
  /** Environment of the containers: by service. */
  env: Record<string, Record<string, string>>;
  /** Folders of the host by volume. */
  volumes: Record<string, string>;
  /** Folders in Groundcrew's container by volume. */
  mounts: Record<string, string>;
  /** What a service's container runs when the call names no command. */
  commands: Record<string, string[]>;
  cwd: string;
}

const standIn: StandIn = JSON.parse(process.env["STAND_IN"] ?? "{}");
const args = process.argv.slice(2);
appendFileSync(standIn.log, `${JSON.stringify(args)}\n`);
const [, verb = "", ...rest] = args;
process.exitCode = run();

function run(): number {
  if (verb === "config") {
    process.stdout.write(`${standIn.services.join("\n")}\n`);
    return 0;
  }
  if (verb === "exec") {
    const [, service = "", ...command] = rest;
    return runCommand(service, command, {});
  }
  if (verb === "run") return runContainer();
  return 0;
}

function runContainer(): number {
  const env: Record<string, string> = {};
  const mounts = { ...standIn.mounts };
  let entrypoint: string[] = [];
  const given = [...rest];
  while (given[0]?.startsWith("-")) {
    const option = given.shift() ?? "";
    if (option === "-v") {
      const [source = "", target = ""] = (given.shift() ?? "").split(":");
      mounts[target] = standIn.volumes[source] ?? source;
    } else if (option === "-e") {
      const [name = "", value = process.env[name] ?? ""] = (given.shift() ?? "").split(/=(.*)/s);
      env[name] = value;
    } else if (option === "--entrypoint") entrypoint = [given.shift() ?? ""];
  }
  const [service = "", ...command] = given;
  const toHost = (text: string) =>
    Object.entries(mounts).reduce(
      (path, [target, source]) =>
        path === target || path.startsWith(`${target}/`) ? source + path.slice(target.length) : path,
      text,
    );
  const hostEnv = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, toHost(value)]));
  const words = [...entrypoint, ...command.map(toHost)];
  return runCommand(service, words.length > 0 ? words : (standIn.commands[service] ?? []), hostEnv);
}

function runCommand(service: string, command: readonly string[], env: Record<string, string>): number {
  const [program = "", ...options] =
    command[0] === "groundcrew"
      ? [process.execPath, "--disable-warning=ExperimentalWarning", CLI, ...command.slice(1)]
      : command;
  const { status, stdout } = spawnSync(program, options, {
    cwd: standIn.cwd,
    env: { PATH: process.env["PATH"], ...standIn.env[service], ...env },
    stdio: ["inherit", "pipe", "inherit"],
    maxBuffer: 1e9,
  });
  process.stdout.write(stdout);
  return status ?? 1;
}
