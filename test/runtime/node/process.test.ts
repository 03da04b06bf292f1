import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createConfirmPrompt } from "../../../runtime/node/process.ts";

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
