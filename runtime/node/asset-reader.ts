import { readFileSync } from "node:fs";

/** The folder that holds package.json. */
const PRODUCT_ROOT = new URL("../../", import.meta.url);

/** Reads the product's own files by their path, each one once, so that the served files stay the same until the next start. */
export function createAssetReader(): (path: string) => string {
  const texts = new Map<string, string>();
  return (path) => {
    const text = texts.get(path) ?? readFileSync(new URL(path, PRODUCT_ROOT), "utf8");
    texts.set(path, text);
    return text;
  };
}
