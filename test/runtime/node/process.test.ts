import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { rolldown } from "rolldown";
import { expect, onTestFinished, test, vi } from "vitest";
import { createConfirmPrompt, createLineWriter, toSourceStack } from "../../../runtime/node/process.ts";

test("the confirmation prompt takes yes in two languages, and nothing else", async () => {
  const answers = { "y\n": true, " Oui \n": true, "n\n": false, "\n": false, "yes please\n": false, "": false };
  for (const [typed, answer] of Object.entries(answers)) {
    const input = new PassThrough();
    const asked = createConfirmPrompt(input, new PassThrough())("Do this?");
    input.end(typed);
    expect([typed, await asked]).toEqual([typed, answer]);
  }
});

test("The lines of the log are written in order, all of ten milliseconds at once", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const written: string[] = [];
  const write = createLineWriter(
    new Writable({
      decodeStrings: false,
      write(text: string, _, done) {
        written.push(text);
        done();
      },
    }),
  );
  write("one");
  write("two");
  vi.advanceTimersByTime(9);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  write("three");
  vi.advanceTimersByTime(10);
  expect(written).toEqual(["one\ntwo\n", "three\n"]);
});

test("The lines of the log are all written when the process exits at once", () => {
  const program = `import { createLineWriter } from "./runtime/node/process.ts";
      const write = createLineWriter(process.stdout);
      for (let i = 0; i < 1000; i += 1) write("line " + i);
      process.exit(3);`;
  const { status, stdout } = spawnSync(process.execPath, ["--input-type=module-typescript", "-e", program], {
    encoding: "utf8",
  });
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

test("a stack of a minified build names the lines of the sources", async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-stack-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const lines = ["// A comment.", "function fail() {", '  throw new Error("broken");', "}", "try {", "  fail();"];
  writeFileSync(
    join(folder, "source.ts"),
    [...lines, "} catch (thrown) {", "  console.log(thrown.stack);", "}"].join("\n"),
  );
  const bundle = await rolldown({ cwd: folder, input: "source.ts" });
  await bundle.write({
    dir: join(folder, "dist"),
    format: "esm",
    entryFileNames: "[name].js",
    sourcemap: true,
    minify: true,
  });
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  // In a process of its own, because vitest has Node read source maps itself.
  const stack = execFileSync(process.execPath, [join(folder, "dist/source.js")], { encoding: "utf8" });
  expect(stack).toContain("/dist/source.js:1:");
  expect(toSourceStack(stack)).toMatch(/^Error: broken\n.*\bsource\.ts:3:\d+/);
});
