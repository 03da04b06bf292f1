import { cleanLine } from "../../shared/clean-text.ts";
import { describeFailure, type ProgramResult } from "../runner/run-program.ts";

/** Why no command of Docker can work, and what to do. */
interface DockerProblem {
  detail: string;
  todo: string;
}

interface KnownProblem extends DockerProblem {
  pattern: RegExp;
}

/** What Docker's client prints, in the order in which the causes exclude each other. */
const KNOWN_PROBLEMS: readonly KnownProblem[] = [
  {
    pattern: /^spawn docker (?:ENOENT|EACCES)/m,
    detail: "the command docker is not installed, or not in PATH",
    todo: "Install Docker with its Compose plugin, or run the command on the machine that has OpenClaw's containers.",
  },
  {
    pattern:
      /unknown command: docker compose|'compose' is not a docker command|unknown flag: --env-file|unknown shorthand flag: 'T'/,
    detail: "Docker has no Compose plugin, so `docker compose` does not exist",
    todo: "Install it (package docker-compose-plugin or docker-compose-v2); the old docker-compose does not count. `docker compose version` must answer.",
  },
  {
    pattern: /permission denied while trying to connect to the (?:Docker daemon socket|docker API)/i,
    detail: "this user may not use Docker's daemon",
    todo: "Add the user to the group docker and log in again, or run the command as a user that may.",
  },
  {
    pattern:
      /Cannot connect to the Docker daemon|error during connect|failed to connect to the docker API|Is the docker daemon running/i,
    detail: "Docker's daemon cannot be reached",
    todo: "Start it (`sudo systemctl start docker`), or fix DOCKER_HOST or the context. `docker version` must show a server.",
  },
];

/** Finds the cause when Docker itself does not work; undefined for every other failure. */
export function findDockerProblem({ problem, stderr }: ProgramResult): DockerProblem | undefined {
  const text = `${problem ?? ""}\n${stderr}`;
  return KNOWN_PROBLEMS.find(({ pattern }) => pattern.test(text));
}

/** Describes in one line why a command of Docker failed, and what to do when Docker itself does not work. */
export function describeDockerFailure(command: string, result: ProgramResult): string {
  const known = findDockerProblem(result);
  if (known) return `${command}: ${known.detail}. ${known.todo}`;
  return cleanLine(describeFailure(command, result), 400);
}
