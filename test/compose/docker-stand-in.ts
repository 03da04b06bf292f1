import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { stringify } from "yaml";
import { writeScripts } from "../support/test-folder.ts";
import { readDotEnv, readProject } from "./compose-files.ts";

/**
 * Puts programs of these names before all others on PATH. Each call is written down and runs the given lines of sh, for
 * example what `docker compose config` would print.
 */
export function createStandIns(folder: string, programs: Record<string, string>) {
  const bin = join(folder, "stand-ins");
  const log = join(folder, "calls");
  for (const [name, lines] of Object.entries(programs)) {
    const record = `{ printf '%s' ${name}; for word in "$@"; do printf '\\t%s' "$word"; done; echo; } >>${log}`;
    writeScripts(bin, { [name]: `${record}\n${lines}` });
  }
  return {
    /** The PATH on which the stand-ins come first. */
    path: [bin, process.env["PATH"] ?? ""].join(delimiter),
    /** The calls so far, each as the name of the program and its arguments. */
    readCalls(): string[][] {
      const text = existsSync(log) ? readFileSync(log, "utf8").trimEnd() : "";
      return text === "" ? [] : text.split("\n").map((line) => line.split("\t"));
    },
  };
}

/**
 * The lines of a stand-in for docker. `compose config` prints the project of a folder's .env as Compose does, and a registry
 * answers with a digest that is made of the image's name.
 */
export function createDockerLines(folder: string): string {
  return `case "$1 $2" in
  "compose config") cat ${join(folder, "config.yaml")} ;;
  "volume inspect") exit 1 ;;
  "buildx imagetools") printf 'sha256:%s\\n' "$(printf '%s' "$4" | sha256sum | cut -d ' ' -f 1)" ;;
esac`;
}

/** Writes what `docker compose config` prints for the .env of a folder, without the files in `left`. */
export function writeComposeConfig(folder: string, left = "pinned.yaml"): void {
  const env = readDotEnv(folder);
  const files = (env["COMPOSE_FILE"] ?? "").split(":").filter((file) => file !== left);
  writeFileSync(join(folder, "config.yaml"), stringify(readProject({ ...env, COMPOSE_FILE: files.join(":") })));
}
