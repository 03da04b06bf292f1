import { appendFileSync, cpSync, readFileSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BACKUP_FORMAT } from "../../../runtime/backup/manifest.ts";
import { openStore } from "../../../runtime/stores/open-store.ts";
import {
  changeStore,
  createBackupMachine,
  describeTree,
  editManifest,
  fillStore,
  hash,
  readManifest,
  smuggle,
} from "./backup-machine.ts";

/** A machine with a backup of everything but a database. */
async function createSavedMachine() {
  const machine = createBackupMachine({}, afterAll);
  const put = [{ key: "decision:1", value: { text: "kept" }, sets: ["decisions"] }];
  await fillStore(`file:${machine.folder}/data`, { put });
  const { name, backup }: { name: string; backup: string } = await machine.backUp();
  return { machine, backup, name };
}

const PICTURE = "uploads/bucket/picture.png";
const TRIGGER =
  "CREATE TRIGGER x AFTER DELETE ON record BEGIN INSERT INTO record VALUES ('decision:x', '1', 1, NULL); END";
const OTHER = { url: "https://work.example.com", workspace: "other" };

type Refusal = [title: string, damage: (backup: string) => void, reason: RegExp];

const REFUSALS: Refusal[] = [
  ["a changed file", (backup) => appendFileSync(join(backup, PICTURE), "!"), /picture\.png was changed/],
  ["a symbolic link", (backup) => symlinkSync("/etc/passwd", join(backup, "uploads/link")), /uploads\/link is a link/],
  [
    "a folder that is a link",
    (backup) => {
      renameSync(join(backup, "uploads"), `${backup}-uploads`);
      symlinkSync(`${backup}-uploads`, join(backup, "uploads"));
    },
    /uploads is a link/,
  ],
  ...["secrets/.ssh/authorized_keys", "extra"].map(
    (path): Refusal => [`a file that no backup has: ${path}`, (backup) => smuggle(backup, path), /does not know/],
  ),
  ...["/etc/passwd", "secrets/../../x"].map(
    (path): Refusal => [
      `the path ${path}`,
      (backup) => {
        appendFileSync(join(backup, "SHA256SUMS"), `${"0".repeat(64)}  ${path}\n`);
        const checksums = hash(readFileSync(join(backup, "SHA256SUMS")));
        editManifest(backup, { checksums, files: readManifest(backup).files + 1 });
      },
      /Line \d+ is not valid/,
    ],
  ),
  ["a later format", (backup) => editManifest(backup, { format: BACKUP_FORMAT + 1 }), /later format \(4\)/],
  ["a store with triggers", (backup) => changeStore(backup, TRIGGER), /triggers or views/],
  ["another workspace", (backup) => editManifest(backup, { plane: OTHER }), /workspace other.*this installation uses/s],
];

describe("INFRA-05 restore", () => {
  let saved: Awaited<ReturnType<typeof createSavedMachine>>;

  // One backup for all; each test damages a copy of it.
  beforeAll(async () => {
    saved = await createSavedMachine();
  });

  test.each(REFUSALS)("refuses a backup with %s, and changes nothing", async (title, damage, reason) => {
    const { machine, backup } = saved;
    const copy = join(machine.folder, `copy-${title.replaceAll(/\W+/g, "-")}`);
    cpSync(backup, copy, { recursive: true });
    damage(copy);
    const before = describeTree(machine.folder);
    const { exit, err, out } = await machine.runHere(["restore", copy, "--yes", "--json"]);
    expect({ exit, out }).toEqual({ exit: 1, out: "" });
    const { error } = JSON.parse(err);
    expect(error.code).toBe("refused");
    expect(error.message).toMatch(reason);
    expect(error.message).toContain("Nothing was changed.");
    expect(describeTree(machine.folder)).toEqual(before);
  });

  test("refuses while a Groundcrew has the store open", async () => {
    const { machine, name } = saved;
    const store = await openStore(`file:${machine.folder}/data`, { prefix: "groundcrew" });
    try {
      const { exit, err } = await machine.runHere(["restore", name, "--yes"]);
      expect(exit).toBe(1);
      expect(err).toContain("Groundcrew is running on this store: stop it first.");
    } finally {
      await store.close();
    }
  });
});
