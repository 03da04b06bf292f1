/**
 * The stack of an error in a build, as positions in the sources. Node could do this itself (`--enable-source-maps`),
 * but it reads all source maps at the start, which takes 25 MB; here one is read when an error is logged.
 */

import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { fileURLToPath } from "node:url";

/** A position of a stack, for example `file:///app/dist/chunks/main-1a2b3c.js:1:2345`. */
const POSITION = /(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g;

/** Replaces the positions in a stack by those in the sources, as far as there are source maps. */
export function toSourceStack(stack: string): string {
  return stack.replaceAll(POSITION, (position, url: string, line: string, column: string) => {
    const path = `${fileURLToPath(url)}.map`;
    const entry = findSourceMap(path)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (!entry || !("originalSource" in entry)) return position;
    // A map names its sources from its own folder.
    const source = entry.originalSource.replace(/^(?:\.\.\/)+/, "");
    return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}

function findSourceMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, "utf8")) as SourceMapPayload);
  } catch {
    return undefined;
  }
}
