import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { Writable } from "node:stream";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLineWriter } from "../../../runtime/node/process.ts";

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
      const timer = setInterval(() => {
        write("x".repeat(1000));
        if ((lines += 1) === 20) clearInterval(timer);
      }, 5);
      process.on("exit", () => process.stderr.write(lines + " lines, " + process.stdout.writableLength + " waiting"));`;
  const script = `"$0" --input-type=module-typescript -e "$1" > /dev/full`;
  const { status, stderr } = spawnSync("bash", ["-c", script, process.execPath, program], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, "20 lines, 0 waiting"]);
});
