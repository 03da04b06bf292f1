import { expect, test } from "vitest";
import { renderDocuments } from "../../docs/generate/documents.ts";

test("the generated sections of docs/ agree with the schemas and the manifest", async () => {
  const stale = (await renderDocuments()).filter(({ current, expected }) => current !== expected);
  const paths = stale.map(({ path }) => path);
  expect(paths, "These documents are stale. Run `npm run docs` and commit what it writes.").toEqual([]);
});
