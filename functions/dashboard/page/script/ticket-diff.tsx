/**
 * What a ticket's branch changes, by file: folded, coloured, on wide screens side by side, with comments on lines. Rows
 * are drawn a block at a time, so that a long difference never stops the page.
 */

import { Component, type ComponentChildren, Fragment } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { countChanges, type DiffFile, type DiffLine, parseDiff } from "../../../../shared/tickets/unified-diff.ts";
import { Button } from "./elements.tsx";
import { formatCount } from "./language.ts";
import { translateTicket } from "./ticket-actions.tsx";
import type { CodePart } from "./ticket-highlight.ts";

/** What a person writes about a line; `line` is its number after the change, or before it where it was deleted. */
export interface LineNote {
  path: string;
  line: number;
  code: string;
  text: string;
}

interface DiffProps {
  /** The unified diff. */
  text: string;
  notes: readonly LineNote[];
  /** Adds a note, or takes one back; absent where nothing can be sent back. */
  onNote?: ((note: LineNote, isRemoved?: boolean) => void) | undefined;
}

/** Number of rows of a block: about five screens, drawn in some milliseconds. */
const BLOCK_ROWS = 200;

/** A file is folded above 600 lines, and every file after 3,000 lines in all. */
const FOLD_FILE_LINES = 600;
const FOLD_ALL_LINES = 3_000;

/** A row of the table: one line, or the line before and the one after a change side by side. */
type Row = { section: string } | { left?: DiffLine; right?: DiffLine };

const wideScreen = matchMedia("(min-width: 1200px)");

/** Composes the notes as text for the session. */
export function formatNotes(notes: readonly LineNote[]): string {
  return notes.map(({ path, line, code, text }) => `${path}:${line}\n> ${code.trim()}\n${text}`).join("\n\n");
}

export function Diff({ text, notes, onNote }: DiffProps) {
  const files = useMemo(() => parseDiff(text), [text]);
  const [isSplit, setIsSplit] = useState(wideScreen.matches);
  useEffect(() => {
    const follow = () => setIsSplit(wideScreen.matches);
    wideScreen.addEventListener("change", follow);
    return () => wideScreen.removeEventListener("change", follow);
  }, []);
  let before = 0;
  return (
    <div class="diff">
      <p class="muted">{translateTicket("diff", formatTotals(files))}</p>
      {files.map((file) => {
        const length = file.hunks.reduce((sum, { lines }) => sum + lines.length, 0);
        before += length;
        const isFolded = length > FOLD_FILE_LINES || before > FOLD_ALL_LINES;
        const own = notes.filter(({ path }) => path === file.path);
        return <File key={file.path} file={file} notes={own} {...{ isFolded, isSplit, onNote }} />;
      })}
    </div>
  );
}

function formatTotals(files: readonly DiffFile[]) {
  return Object.fromEntries(Object.entries(countChanges(files)).map(([name, count]) => [name, formatCount(count)]));
}

interface FileProps extends Omit<DiffProps, "text"> {
  file: DiffFile;
  isFolded: boolean;
  isSplit: boolean;
}

function File({ file, isFolded, isSplit, notes, onNote }: FileProps) {
  const { path, from, status, isBinary, insertions, deletions } = file;
  const [isOpen, setIsOpen] = useState(!isFolded);
  const [noted, setNoted] = useState<DiffLine>();
  const blocks = useMemo(() => (isOpen ? toBlocks(file, isSplit) : []), [file, isOpen, isSplit]);
  const shown = useGrowing(blocks.length);
  const open = (line: DiffLine | undefined) => onNote && setNoted(line);
  function keep(words: string) {
    const line = noted?.after ?? noted?.before ?? 0;
    if (words !== "") onNote?.({ path, line, code: noted?.text ?? "", text: words });
    setNoted(undefined);
  }
  return (
    <section class="diff-file" aria-label={path}>
      <div class="line">
        <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
          <bdi>{from === undefined ? path : `${from} → ${path}`}</bdi>
        </button>
        {status !== "changed" && <small>{translateTicket(`file.${status}`)}</small>}
        <small>
          {isBinary ? translateTicket("file.binary") : `+${formatCount(insertions)} −${formatCount(deletions)}`}
        </small>
        {isOpen && onNote && !isBinary && (
          <Button class="quiet" subject={path} onPress={() => open(findFirstChange(file))}>
            {translateTicket("note.add")}
          </Button>
        )}
      </div>
      {blocks.slice(0, shown).map((rows, i) => (
        <Block key={i} {...{ path, rows, isSplit, noted, notes, keep }} onOpen={open} onNote={onNote} />
      ))}
    </section>
  );
}

function findFirstChange({ hunks }: DiffFile): DiffLine | undefined {
  return hunks.flatMap(({ lines }) => lines).find(({ kind }) => kind !== "same");
}

/** A number that grows to `count`, one more in each frame. */
function useGrowing(count: number): number {
  const [shown, setShown] = useState(1);
  useEffect(() => {
    if (shown >= count) return;
    const frame = requestAnimationFrame(() => setShown(shown + 1));
    return () => cancelAnimationFrame(frame);
  }, [shown, count]);
  return shown;
}

function toBlocks({ hunks }: DiffFile, isSplit: boolean): Row[][] {
  const rows = hunks.flatMap(({ section, lines }): Row[] => [
    { section },
    ...(isSplit ? pairLines(lines) : lines.map(toRow)),
  ]);
  const blocks: Row[][] = [];
  for (let at = 0; at < rows.length; at += BLOCK_ROWS) blocks.push(rows.slice(at, at + BLOCK_ROWS));
  return blocks;
}

function toRow(line: DiffLine): Row {
  return line.kind === "deleted" ? { left: line } : { right: line };
}

/** Deleted lines stand beside the added ones that follow them. */
function pairLines(lines: readonly DiffLine[]): Row[] {
  const rows: Row[] = [];
  let deleted: { left?: DiffLine; right?: DiffLine }[] = [];
  for (const line of lines) {
    if (line.kind === "deleted") {
      const row = { left: line };
      deleted.push(row);
      rows.push(row);
    } else if (line.kind === "added") {
      const row = deleted.shift();
      if (row) row.right = line;
      else rows.push({ right: line });
    } else {
      deleted = [];
      rows.push({ left: line, right: line });
    }
  }
  return rows;
}

interface BlockProps extends Omit<FileProps, "file" | "isFolded"> {
  path: string;
  rows: readonly Row[];
  /** The line that a note is being written about. */
  noted: DiffLine | undefined;
  keep: (words: string) => void;
  onOpen: (line: DiffLine | undefined) => void;
}

/** Some rows of a file. They are drawn again only when something in them has changed. */
class Block extends Component<BlockProps, { colours?: Map<DiffLine, CodePart[]> }> {
  override componentDidMount() {
    requestIdleCallback(() => void this.highlight());
  }

  override componentDidUpdate({ rows }: BlockProps) {
    if (rows !== this.props.rows) requestIdleCallback(() => void this.highlight());
  }

  override shouldComponentUpdate({ rows, isSplit, noted, notes }: BlockProps, { colours }: this["state"]) {
    const has = (line: DiffLine | undefined) => line !== undefined && listLines(rows).includes(line);
    const isNoted = noted !== this.props.noted && (has(noted) || has(this.props.noted));
    const isSame = rows === this.props.rows && isSplit === this.props.isSplit && colours === this.state.colours;
    return !isSame || isNoted || notes.length !== this.props.notes.length;
  }

  async highlight() {
    const lines = listLines(this.props.rows);
    const { highlightLines } = await import("./ticket-highlight.ts");
    const parts = highlightLines(
      this.props.path,
      lines.map(({ text }) => text),
    );
    if (parts) this.setState({ colours: new Map(lines.map((line, i) => [line, parts[i] ?? []])) });
  }

  render() {
    const { rows, isSplit, noted, notes, keep, onOpen, onNote } = this.props;
    const { colours } = this.state;
    const width = isSplit ? 4 : 3;
    return (
      <table class={isSplit ? "split" : "unified"} style={{ containIntrinsicSize: `auto ${rows.length * 20}px` }}>
        <tbody>
          {rows.map((row, i) => {
            if ("section" in row)
              return (
                <tr key={i} class="section">
                  <td colSpan={width}>⋯ {row.section}</td>
                </tr>
              );
            const { left, right } = row;
            const own = notes.filter(({ line, code }) => isOf(right, line, code) || isOf(left, line, code));
            const cells = isSplit ? (
              <>
                <Cells line={left} number={left?.before} colours={colours} />
                <Cells line={right} number={right?.after} colours={colours} />
              </>
            ) : (
              <>
                <td class="number">{(left ?? right)?.before}</td>
                <Cells line={left ?? right} number={right?.after} colours={colours} />
              </>
            );
            const line = right ?? left;
            return (
              <Fragment key={i}>
                <tr onClick={() => onOpen(line)}>{cells}</tr>
                {own.map((note) => (
                  <NoteRow key={note.text} width={width}>
                    <p class="written">{note.text}</p>
                    <Button class="quiet" onPress={() => onNote?.(note, true)}>
                      {translateTicket("note.remove")}
                    </Button>
                  </NoteRow>
                ))}
                {line !== undefined && line === noted && (
                  <NoteRow width={width}>
                    <NoteForm keep={keep} />
                  </NoteRow>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    );
  }
}

function listLines(rows: readonly Row[]): DiffLine[] {
  return rows.flatMap((row) => {
    if ("section" in row) return [];
    const { left, right } = row;
    return [...(left ? [left] : []), ...(right && right !== left ? [right] : [])];
  });
}

function isOf(line: DiffLine | undefined, number: number, code: string): boolean {
  return line !== undefined && (line.after ?? line.before) === number && line.text === code;
}

interface CellsProps {
  line: DiffLine | undefined;
  number: number | undefined;
  colours: Map<DiffLine, CodePart[]> | undefined;
}

/** A line with its number. Code is drawn from left to right, whatever its characters. */
function Cells({ line, number, colours }: CellsProps) {
  const parts = line && colours?.get(line);
  return (
    <>
      <td class="number">{number}</td>
      <td class="code" dir="ltr" data-kind={line?.kind}>
        {parts
          ? parts.map(([text, classes], i) =>
              classes ? (
                <i key={i} class={classes}>
                  {text}
                </i>
              ) : (
                text
              ),
            )
          : line?.text}
      </td>
    </>
  );
}

function NoteRow({ width, children }: { width: number; children: ComponentChildren }) {
  return (
    <tr class="note">
      <td colSpan={width}>{children}</td>
    </tr>
  );
}

function NoteForm({ keep }: { keep: (words: string) => void }) {
  const [words, setWords] = useState("");
  return (
    <form
      class="words"
      onSubmit={(event) => {
        event.preventDefault();
        keep(words.trim());
      }}
    >
      <label>
        {translateTicket("note.label")}
        <textarea
          rows={2}
          maxLength={5_000}
          autofocus
          value={words}
          onInput={({ currentTarget }) => setWords(currentTarget.value)}
        />
      </label>
      <span class="actions">
        <button type="submit" class="go primary">
          {translateTicket("note.keep")}
        </button>
        <Button class="quiet" onPress={() => keep("")}>
          {translateTicket("ask.close")}
        </Button>
      </span>
    </form>
  );
}
