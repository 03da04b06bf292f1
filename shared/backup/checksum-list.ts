/** A file of a backup: its path below the backup's folder, with `/`, and its SHA-256 in hex. */
export interface Checksum {
  path: string;
  hash: string;
}

/** Formats checksums as `sha256sum` prints them: names with a backslash or a line break are escaped. */
export function formatChecksums(checksums: readonly Checksum[]): string {
  return checksums
    .map(({ path, hash }) => {
      const escaped = path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
      return `${escaped === path ? "" : "\\"}${hash}  ${escaped}\n`;
    })
    .join("");
}

/**
 * Parses a list of checksums. Throws an Error that names the first line that is not one, or whose path does not stay
 * inside the backup's folder.
 */
export function parseChecksums(text: string): Checksum[] {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("The last line is incomplete.");
  const seen = new Set<string>();
  return lines.map((line, i) => {
    const [, isEscaped, hash = "", name = ""] = /^(\\?)([0-9a-f]{64}) {2}(.+)$/s.exec(line) ?? [];
    const path = isEscaped ? unescapeName(name) : name;
    if (path === undefined || !isSafePath(path) || seen.has(path)) throw new Error(`Line ${i + 1} is not valid.`);
    seen.add(path);
    return { path, hash };
  });
}

function unescapeName(name: string): string | undefined {
  if (!/^(?:[^\\]|\\[\\nr])*$/s.test(name)) return undefined;
  return name.replaceAll(/\\([\\nr])/g, (_, letter: string) => (letter === "n" ? "\n" : letter === "r" ? "\r" : "\\"));
}

/** Whether a path stays inside the folder that it is relative to, and has only one spelling. */
export function isSafePath(path: string): boolean {
  return !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}
