import { spawnSync } from "node:child_process";
import { chownSync, existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { Worker } from "node:worker_threads";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { nodeHashing } from "../../../runtime/node/crypto.ts";
import { nodeFiles } from "../../../runtime/node/files.ts";
import { createConfirmPrompt } from "../../../runtime/node/process.ts";
import { webHashing } from "../../../shared/hashing.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { createTestFolder, writeFiles } from "../../support/test-folder.ts";
import { signBody } from "../../support/webhook-signature.ts";

/** Exchanges two files under one name in a thread of its own until it is terminated. */
const EXCHANGE = `
  const { renameSync, symlinkSync } = require("node:fs");
  const { workerData: { path, targets }, parentPort } = require("node:worker_threads");
  parentPort.postMessage("started");
  for (let i = 0; ; i++) {
    symlinkSync(targets[i % 2], path + ".next");
    renameSync(path + ".next", path);
  }
`;

test("text and mode of a settings file belong to one file while the name is exchanged between two", async () => {
  const folder = createTestFolder();
  const targets = [join(folder, "private"), join(folder, "public")];
  writeFiles(folder, { private: "private" });
  writeFiles(folder, { public: "public" }, 0o644);
  const path = join(folder, "secrets.json");
  symlinkSync(join(folder, "private"), path);
  const worker = new Worker(EXCHANGE, { eval: true, workerData: { path, targets } });
  onTestFinished(async () => void (await worker.terminate()));
  await new Promise((resolve) => worker.once("message", resolve));

  const found = new Set<string>();
  for (let i = 0; i < pickSize(5_000, 2_000); i++) {
    const file = nodeFiles.read(path);
    found.add(`${file?.text} ${file?.mode.toString(8)}`);
  }
  expect([...found].sort()).toEqual(["private 600", "public 644"]);
});

test("a settings file that does not exist is undefined, a folder throws, and a byte order mark is left out", () => {
  const folder = createTestFolder();
  expect(nodeFiles.read(join(folder, "none"))).toBeUndefined();
  expect(() => nodeFiles.read(folder)).toThrow("EISDIR");
  const path = join(folder, "groundcrew.json");
  writeFiles(folder, { "groundcrew.json": '\uFEFF{"agents": []}' });
  expect(nodeFiles.read(path)).toMatchObject({ text: '{"agents": []}', isOthers: false });
  // Only root may give a file away.
  if (process.getuid?.() === 0) chownSync(path, 1234, 1234);
  expect(nodeFiles.read(path)?.isOthers).toBe(process.getuid?.() === 0);
});

const bytes = fc.uint8Array().map((array) => Uint8Array.from(array));
const toSignature = (body: Uint8Array, secret: string) => Uint8Array.from(Buffer.from(signBody(body, secret), "hex"));

test("Node's hashing computes the same SHA-256 of chunks, and accepts the same signatures of any length, as Web Crypto", async () => {
  const checks = [nodeHashing, webHashing].map((hashing) => hashing.createHmacCheck("the secret"));
  const numRuns = pickSize(100, 30);
  const property = fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 })), bytes, async (pieces, other) => {
    const whole = Uint8Array.from(pieces.flatMap((piece) => [...piece]));
    const hex = await webHashing.sha256Hex(whole);
    for (const hashing of [nodeHashing, webHashing]) {
      const hash = hashing.sha256();
      for (const piece of pieces) hash.update(piece);
      expect(hash.hex()).toBe(hex);
    }
    const right = toSignature(whole, "the secret");
    for (const signature of [right, toSignature(whole, "another secret"), right.slice(1), other]) {
      const verdicts = await Promise.all(checks.map((check) => check(signature, whole)));
      expect(verdicts).toEqual([signature === right, signature === right]);
    }
  });
  await fc.assert(property, { numRuns });
});

test("the confirmation prompt takes yes in two languages, and nothing else", async () => {
  const answers = { "y\n": true, " Oui \n": true, "n\n": false, "\n": false, "yes please\n": false, "": false };
  for (const [typed, answer] of Object.entries(answers)) {
    const input = new PassThrough();
    const asked = createConfirmPrompt(input, new PassThrough())("Do this?");
    input.end(typed);
    expect([typed, await asked]).toEqual([typed, answer]);
  }
});

test("The lines of the log are all written when the process exits at once", () => {
  const program = `import { createLineWriter } from "./runtime/node/process.ts";
      const write = createLineWriter(process.stdout);
      for (let i = 0; i < 1000; i += 1) write("line " + i);
      process.exit(3);`;
  const flags = ["--input-type=module-typescript", "-e", program];
  const { status, stdout } = spawnSync(process.execPath, flags, { encoding: "utf8" });
  expect(status).toBe(3);
  expect(stdout.trim().split("\n")).toEqual(Array.from({ length: 1000 }, (_, i) => `line ${i}`));
});

test.skipIf(!existsSync("/dev/full"))("The lines of the log that cannot be written do not end the process", () => {
  const program = `import { createLineWriter } from "./runtime/node/process.ts";
      const write = createLineWriter(process.stdout);
      let lines = 0;
      const next = () => {
        write("x".repeat(1000));
        if ((lines += 1) < 20) setTimeout(next, 1);
      };
      next();
      process.on("exit", () => process.stderr.write(lines + " lines, " + process.stdout.writableLength + " waiting"));`;
  const script = `"$0" --input-type=module-typescript -e "$1" > /dev/full`;
  const { status, stderr } = spawnSync("bash", ["-c", script, process.execPath, program], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, "20 lines, 0 waiting"]);
});
