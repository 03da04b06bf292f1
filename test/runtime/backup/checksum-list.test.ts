import fc from "fast-check";
import { expect, test } from "vitest";
import { formatChecksums, isSafePath, parseChecksums } from "../../../runtime/backup/manifest.ts";

const HASH = "a".repeat(64);

test("Checksums of any paths are read back as they were", () => {
  const paths = fc.uniqueArray(
    fc.string({ minLength: 1, unit: "grapheme" }).filter((path) => isSafePath(path) && path.isWellFormed()),
  );
  fc.assert(
    fc.property(paths, (names) => {
      const checksums = names.map((path) => ({ path, hash: HASH }));
      expect(parseChecksums(formatChecksums(checksums))).toEqual(checksums);
    }),
  );
});

test.each([
  ["an absolute path", `${HASH}  /etc/passwd\n`],
  ["a parent folder", `${HASH}  uploads/../../x\n`],
  ["the folder itself", `${HASH}  .\n`],
  ["an empty part", `${HASH}  uploads//x\n`],
  ["a NUL", `${HASH}  x\0y\n`],
  ["a hash that is too short", `${HASH.slice(1)}  x\n`],
  ["a path that is listed twice", `${HASH}  x\n${HASH}  x\n`],
  ["an unknown escape", `\\${HASH}  x\\ty\n`],
  ["an incomplete last line", `${HASH}  x`],
])("A list with %s is refused", (_, text) => {
  expect(() => parseChecksums(text)).toThrow(/line \d|last line/i);
});
