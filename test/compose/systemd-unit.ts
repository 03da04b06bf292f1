import { readFileSync } from "node:fs";

/** A unit's lines of one name, without the name. `folders`: what replaces which text in them. */
export function readUnitLines(unit: string, name: string, folders: Record<string, string> = {}): string[] {
  const text = Object.entries(folders).reduce(
    (replaced, [from, to]) => replaced.replaceAll(from, to),
    readFileSync(`compose/systemd/${unit}`, "utf8"),
  );
  return text.split("\n").flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
}

/** The environment and command line of a unit. */
export function readUnitStart(unit: string, folders: Record<string, string>) {
  const env = readUnitLines(unit, "Environment", folders).map((line) => line.split(/=(.*)/s).slice(0, 2));
  const [command = ""] = readUnitLines(unit, "ExecStart", folders);
  return { env: Object.fromEntries(env) as Record<string, string>, command: command.split(" ") };
}
