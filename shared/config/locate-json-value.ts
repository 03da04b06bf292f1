import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import type { JsonPosition } from "./parse-json-text.ts";

/**
 * Creates the function that finds the place of a value, or of the nearest object or list around it when it is missing.
 * The text must be valid JSON.
 */
export function createJsonLocator(text: string): (path: readonly PropertyKey[]) => JsonPosition {
  const root = parseTree(text);
  return (path) => toPosition(text, root ? findNearestNode(root, path).offset : 0);
}

function findNearestNode(root: Node, path: readonly PropertyKey[]): Node {
  const segments = path.map((key) => (typeof key === "number" ? key : String(key)));
  for (let length = segments.length; length > 0; length -= 1) {
    const node = findNodeAtLocation(root, segments.slice(0, length));
    if (node) return node;
  }
  return root;
}

function toPosition(text: string, offset: number): JsonPosition {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
