import { randomUUID } from "node:crypto";
import { MAX_COLUMNS, MAX_FRAME_LENGTH, MAX_ROWS, type TerminalFrame } from "../../shared/tickets/terminal-frame.ts";

/** The picture of a terminal as tmux has it. */
export type TerminalPicture = Omit<TerminalFrame, "run">;

const HEADER_FORMAT = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{cursor_flag}";
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one.
const STYLES = /\u001b\[[\d;:]*m/g;

/**
 * Reads the pictures of these sessions with one call of tmux for all. Sessions that have gone meanwhile are left out.
 * @param call runs tmux with these arguments and returns its output until the first command that fails
 */
export async function captureTerminals(
  call: (args: readonly string[]) => Promise<string>,
  names: readonly string[],
): Promise<Map<string, TerminalPicture>> {
  const pictures = new Map<string, TerminalPicture>();
  let remaining = names;
  while (remaining.length > 0) {
    // No session can know the mark of this call, so none can imitate the line that begins a picture.
    const mark = randomUUID();
    const commands = remaining.flatMap((name) => [
      ...["display-message", "-p", "-t", `=${name}:`, `${mark} ${HEADER_FORMAT}`, ";"],
      ...["capture-pane", "-e", "-p", "-N", "-t", `=${name}:`, ";"],
    ]);
    const read = parsePictures(await call(commands), mark);
    for (const [i, picture] of read.entries()) pictures.set(remaining[i] ?? "", picture);
    // tmux stops at a session that has gone; those after it are read by another call.
    remaining = remaining.slice(read.length + 1);
  }
  return pictures;
}

function parsePictures(output: string, mark: string): TerminalPicture[] {
  const header = new RegExp(`^${mark} (\\d+) (\\d+) (\\d+) (\\d+) ([01])$`);
  const lines = output.split("\n");
  const pictures: TerminalPicture[] = [];
  for (let at = 0; ; ) {
    const [found, width, height, x, y, hasCursor] = header.exec(lines[at] ?? "")?.map(Number) ?? [];
    if (found === undefined) return pictures;
    const rows = height ?? 0;
    const content = lines.slice(at + 1, at + 1 + rows);
    at += 1 + rows;
    // The last line ends with a line feed, after which comes the next header or nothing. Less is a part of a picture.
    if (rows === 0 || at >= lines.length) return pictures;
    pictures.push({
      columns: Math.min(width ?? 1, MAX_COLUMNS),
      rows: Math.min(rows, MAX_ROWS),
      screen: limitLength(content.slice(0, MAX_ROWS).join("\n").toWellFormed()),
      ...(hasCursor === 1 ? { cursor: { column: x ?? 0, row: y ?? 0 } } : {}),
    });
  }
}

/** A screen that is too long has a colour for each cell: it is sent without colours. */
function limitLength(screen: string): string {
  return screen.length <= MAX_FRAME_LENGTH ? screen : screen.replace(STYLES, "").slice(0, MAX_FRAME_LENGTH);
}
