import { readFileSync } from "node:fs";

/** The instructions of the image's Dockerfile in their order, with continued lines joined. */
export function readDockerfile(): { name: string; value: string }[] {
  const text = readFileSync("compose/Dockerfile", "utf8")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n\s*/g, "");
  return text.split("\n").flatMap((line) => {
    const [, name, value = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, value: value.trim() }];
  });
}

/** The command that the image runs, and the variables it sets. */
export function readImageStart() {
  const instructions = readDockerfile();
  const command = JSON.parse(instructions.findLast(({ name }) => name === "CMD")?.value ?? "[]") as string[];
  const pairs = instructions.flatMap(({ name, value }) => (name === "ENV" ? value.split(/\s+/) : []));
  const env: Record<string, string> = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
  return { command, env };
}
