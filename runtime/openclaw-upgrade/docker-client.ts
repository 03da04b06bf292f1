import type { Ms } from "../../shared/time.ts";
import { type ProgramResult, runProgram } from "../runner/run-program.ts";
import { describeDockerFailure } from "./describe-docker-failure.ts";
import { runFromFile, runToFile } from "./run-with-file.ts";

/** What the Docker client and the scanners need to find the engine, their settings and their caches. */
const PASSED_VARIABLES =
  /^(?:PATH|HOME|LANG|LC_ALL|TMPDIR|XDG_RUNTIME_DIR|DOCKER_\w+|COMPOSE_\w+|TRIVY_\w+|GRYPE_\w+|HTTPS?_PROXY|NO_PROXY)$/i;

export type DockerClient = ReturnType<typeof createDockerClient>;

/**
 * Runs the Docker client for one Compose project. Variables of the shell are not passed on, because they would override
 * the pinned version in the environment file.
 */
export function createDockerClient(env: Record<string, string | undefined>, folder: string, envFile: string) {
  const passed = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && PASSED_VARIABLES.test(name) ? [[name, value] as const] : [],
    ),
  );
  const toComposeArguments = (args: readonly string[]) => ["compose", "--env-file", envFile, ...args];
  const options = { env: passed, cwd: folder };

  const tryDocker = (args: readonly string[], timeout: Ms): Promise<ProgramResult> =>
    runProgram("docker", args, { ...options, timeoutMs: timeout });

  async function runDocker(args: readonly string[], timeout: Ms): Promise<string> {
    const result = await tryDocker(args, timeout);
    if (result.status !== 0) throw new Error(describeDockerFailure(`docker ${toShortCommand(args)}`, result));
    return result.stdout;
  }

  return {
    /** `docker …`, whatever its exit code. */
    tryDocker,
    /** Standard output of `docker …`. Throws when it fails. */
    runDocker,
    /** Standard output of `docker compose …`. Throws when it fails. */
    runCompose: (args: readonly string[], timeout: Ms) => runDocker(toComposeArguments(args), timeout),
    /** `docker compose …`, whatever its exit code. */
    tryCompose: (args: readonly string[], timeout: Ms) => tryDocker(toComposeArguments(args), timeout),
    /** Another program with the same environment, such as a scanner. */
    tryProgram: (file: string, args: readonly string[], timeout: Ms): Promise<ProgramResult> =>
      runProgram(file, args, { ...options, timeoutMs: timeout }),
    saveOutput: (args: readonly string[], path: string, timeout: Ms) =>
      runToFile("docker", toComposeArguments(args), path, { ...options, timeout }),
    sendInput: (args: readonly string[], path: string, timeout: Ms) =>
      runFromFile("docker", toComposeArguments(args), path, { ...options, timeout }),
  };
}

/** The command without its options, as people know it: `compose stop`. */
function toShortCommand([command = "", ...args]: readonly string[]): string {
  if (command !== "compose") return command;
  // The environment file comes first.
  return `compose ${args[2] ?? ""}`.trim();
}
