import { readFileSync } from "node:fs";

/** A block of code in a document. */
export interface DocumentBlock {
  /** The heading above it. */
  heading: string;
  /** `sh`, or empty. */
  language: string;
  text: string;
}

/** All blocks of code of a document in their order. */
export function readBlocks(path: string): DocumentBlock[] {
  const blocks: DocumentBlock[] = [];
  let heading = "";
  for (const [, title, language = "", text = ""] of readFileSync(path, "utf8").matchAll(
    /^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$/gms,
  ))
    if (title === undefined) blocks.push({ heading, language, text });
    else heading = title;
  return blocks;
}

/** Commands in the text around the blocks, such as `docker compose cp …`. */
export function readInlineCommands(path: string, programs: RegExp): string[] {
  const text = readFileSync(path, "utf8").replaceAll(/^```\w*\n.*?^```$/gms, "");
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span).filter((span) => programs.test(span));
}
