import texts from "groundcrew:page-files";

const assets = new Map(Object.entries(texts));

/** Reads a file of the page from the Worker's bundle, by its path in the repository. */
export function readBundledAsset(path: string): string {
  const text = assets.get(path);
  if (text === undefined) throw new Error(`${path} is not in the Worker's bundle.`);
  return text;
}
