/** A unified diff of git as files, hunks and lines. Pure, without imports: the page's script has it, too. */

export interface DiffFile {
  path: string;
  /** The path before a renaming. */
  from?: string;
  status: "added" | "deleted" | "renamed" | "changed";
  isBinary: boolean;
  insertions: number;
  deletions: number;
  hunks: DiffHunk[];
}

interface DiffHunk {
  /** What git shows behind the numbers: the function or section that the hunk is in. */
  section: string;
  lines: DiffLine[];
}

/** A line with its number before and after the change. */
export interface DiffLine {
  kind: "same" | "added" | "deleted";
  before?: number;
  after?: number;
  text: string;
}

const KINDS = { " ": "same", "+": "added", "-": "deleted" } as const;

/** Parses a diff. What a file contains cannot imitate a heading: the numbers of a hunk say how many lines it has. */
export function parseDiff(text: string): DiffFile[] {
  const lines = text.split("\n");
  const files: DiffFile[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    at += 1;
    if (line.startsWith("diff --git ")) files.push(createFile(line));
    const file = files.at(-1);
    const numbers = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/.exec(line);
    if (file && numbers) at = readHunk(file, numbers, lines, at);
    else if (file) readHeading(file, line);
  }
  return files;
}

/** The sums over all files. */
export function countChanges(files: readonly DiffFile[]): { files: number; insertions: number; deletions: number } {
  const add = (name: "insertions" | "deletions") => files.reduce((sum, file) => sum + file[name], 0);
  return { files: files.length, insertions: add("insertions"), deletions: add("deletions") };
}

/** Both paths of the first line are the same, except after a renaming, which has lines of its own. */
function createFile(line: string): DiffFile {
  const paths = line.slice("diff --git ".length);
  const path = paths.slice(paths.length / 2 + 3);
  return { path, status: "changed", isBinary: false, insertions: 0, deletions: 0, hunks: [] };
}

function readHeading(file: DiffFile, line: string): void {
  const rest = (prefix: string) => (line.startsWith(prefix) ? line.slice(prefix.length) : undefined);
  if (line.startsWith("new file mode ")) file.status = "added";
  if (line.startsWith("deleted file mode ")) file.status = "deleted";
  if (line.startsWith("Binary files ")) file.isBinary = true;
  const from = rest("rename from ");
  if (from !== undefined) Object.assign(file, { from, status: "renamed" });
  // Git ends a path that has a space with a tab.
  file.path = rest("rename to ") ?? (rest("+++ b/") ?? rest("--- a/"))?.replace(/\t$/, "") ?? file.path;
}

function readHunk(file: DiffFile, numbers: RegExpExecArray, lines: readonly string[], start: number): number {
  const [, first = "1", beforeCount = "1", second = "1", afterCount = "1", section = ""] = numbers;
  const hunk: DiffHunk = { section, lines: [] };
  file.hunks.push(hunk);
  let [before, after] = [Number(first), Number(second)];
  const [beforeEnd, afterEnd] = [before + Number(beforeCount), after + Number(afterCount)];
  let at = start;
  for (; at < lines.length && (before < beforeEnd || after < afterEnd); at += 1) {
    const line = lines[at] ?? "";
    // "\ No newline at end of file" belongs to the line before it.
    if (line.startsWith("\\")) continue;
    const kind = KINDS[(line[0] ?? " ") as keyof typeof KINDS];
    if (!kind) break;
    hunk.lines.push({
      kind,
      ...(kind === "added" ? {} : { before: before++ }),
      ...(kind === "deleted" ? {} : { after: after++ }),
      text: line.slice(1),
    });
    if (kind === "added") file.insertions += 1;
    if (kind === "deleted") file.deletions += 1;
  }
  return at;
}
