/**
 * What a ticket's branch changes, by file: folded, coloured, on wide screens side by side, with comments on lines. Rows
 * are drawn a block at a time, so that a long difference never stops the page.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { countChanges, type DiffFile, type DiffLine, parseDiff } from "../../../../shared/tickets/unified-diff.ts";
import { Button, TextForm } from "./elements.tsx";
import { formatCount } from "./language.ts";
import { translateTicket } from "./ticket-actions.tsx";
import { formatCounts } from "./ticket-cards.tsx";
import type { CodePart } from "./ticket-highlight.ts";

/** What a person writes about a line; `line` is its number after the change, or before it where it was deleted. */
export interface LineNote {
  path: string;
  line: number;
  code: string;
  text: string;
}

export interface DiffProps {
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
      <p class="muted">{translateTicket("diff", formatCounts({ ...countChanges(files) }))}</p>
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
  function keep(text: string) {
    if (noted && text !== "") onNote?.({ path, line: noted.after ?? noted.before ?? 0, code: noted.text, text });
    setNoted(undefined);
  }
  const counts = `+${formatCount(insertions)} −${formatCount(deletions)}`;
  const noteFirst = () => open(file.hunks.flatMap(({ lines }) => lines).find(({ kind }) => kind !== "same"));
  const drawn = blocks
    .slice(0, shown)
    .map((rows, i) => <Block key={i} {...{ path, rows, isSplit, noted, notes, keep }} onOpen={open} onNote={onNote} />);
  return (
    <section class="diff-file" aria-label={path}>
      <div class="line">
        <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setIsOpen(!isOpen)}>
          <bdi>{from === undefined ? path : `${from} → ${path}`}</bdi>
        </button>
        {status !== "changed" && <small>{translateTicket(`file.${status}`)}</small>}
        <small>{isBinary ? translateTicket("file.binary") : counts}</small>
        {isOpen && onNote && !isBinary && (
          <Button class="quiet" text={translateTicket("note.add")} subject={path} onPress={noteFirst} />
        )}
      </div>
      {drawn}
    </section>
  );
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
function Block({ path, rows, isSplit, noted, notes, keep, onOpen, onNote }: BlockProps) {
  const colours = useColours(path, rows);
  const here = noted && listLines(rows).includes(noted) ? noted : undefined;
  const width = isSplit ? 4 : 3;
  const drawRow = (row: Row): ComponentChildren => {
    if ("section" in row)
      return (
        <tr class="section">
          <td colSpan={width}>⋯ {row.section}</td>
        </tr>
      );
    const { left, right } = row;
    const line = right ?? left;
    const own = notes.filter(({ line: number, code }) => isOf(right, number, code) || isOf(left, number, code));
    return [
      <tr key="line" onClick={() => onOpen(line)}>
        {isSplit ? <Cells line={left} number={left?.before} colours={colours} /> : <LineNumber of={line?.before} />}
        <Cells line={isSplit ? right : line} number={right?.after} colours={colours} />
      </tr>,
      ...own.map((note) => (
        <NoteRow key={note.text} width={width}>
          <p class="written">{note.text}</p>
          <Button class="quiet" text={translateTicket("note.remove")} onPress={() => onNote?.(note, true)} />
        </NoteRow>
      )),
      line !== undefined && line === here && (
        <NoteRow key="form" width={width}>
          <TextForm
            label={translateTicket("note.label")}
            rows={2}
            max={5_000}
            takesFocus
            submit={translateTicket("note.keep")}
            close={[translateTicket("ask.close"), () => keep("")]}
            onSubmit={keep}
          />
        </NoteRow>
      ),
    ];
  };
  return useMemo(
    () => (
      <table class={isSplit ? "split" : "unified"} style={{ containIntrinsicSize: `auto ${rows.length * 20}px` }}>
        <tbody>{rows.map(drawRow)}</tbody>
      </table>
    ),
    [rows, isSplit, colours, here, notes.length, onNote === undefined],
  );
}

/** The parts of each line with their colours, once they are known. */
function useColours(path: string, rows: readonly Row[]) {
  const [colours, setColours] = useState<Map<DiffLine, CodePart[]>>();
  useEffect(() => {
    const handle = requestIdleCallback(async () => {
      const lines = listLines(rows);
      const { highlightLines } = await import("./ticket-highlight.ts");
      const texts = lines.map(({ text }) => text);
      const parts = highlightLines(path, texts);
      if (parts) setColours(new Map(lines.map((line, i) => [line, parts[i] ?? []])));
    });
    return () => cancelIdleCallback(handle);
  }, [rows]);
  return colours;
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

type Colours = Map<DiffLine, CodePart[]> | undefined;

/** A line with its number. Code is drawn from left to right, whatever its characters. */
function Cells({
  line,
  number,
  colours,
}: {
  line: DiffLine | undefined;
  number: number | undefined;
  colours: Colours;
}) {
  const parts = (line && colours?.get(line)) ?? [[line?.text ?? "", ""] as const];
  return (
    <>
      <LineNumber of={number} />
      <td class="code" dir="ltr" data-kind={line?.kind}>
        {parts.map(([text, classes], i) => (
          <i key={i} class={classes}>
            {text}
          </i>
        ))}
      </td>
    </>
  );
}

function LineNumber({ of: number }: { of: number | undefined }) {
  return <td class="number">{number}</td>;
}

function NoteRow({ width, children }: { width: number; children: ComponentChildren }) {
  return (
    <tr class="note">
      <td colSpan={width}>{children}</td>
    </tr>
  );
}
