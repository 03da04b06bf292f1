import { readFileSync } from "node:fs";

/** The start of a unit's service, with folders of the machine replaced by those of a test. */
export interface UnitStart {
  env: Record<string, string>;
  command: string[];
}

/** A unit's lines of one name, without the name. `folders`: what replaces which text in them. */
export function readUnitLines(unit: string, name: string, folders: Record<string, string> = {}): string[] {
  const text = Object.entries(folders).reduce(
    (replaced, [from, to]) => replaced.replaceAll(from, to),
    readFileSync(`compose/systemd/${unit}`, "utf8"),
  );
  return text.split("\n").flatMap((line) => (line.startsWith(`${name}=`) ? [line.slice(name.length + 1)] : []));
}

/** The environment and command line of a unit. */
export function readUnitStart(unit: string, folders: Record<string, string>): UnitStart {
  const env = readUnitLines(unit, "Environment", folders).map((line) => {
    const [name = "", ...value] = line.split("=");
    return [name, value.join("=")] as const;
  });
  const [command = ""] = readUnitLines(unit, "ExecStart", folders);
  return { env: Object.fromEntries(env), command: command.split(" ") };
}
