import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { createStatusLine } from "../../../runtime/node/process.ts";
import { createBackupMachine } from "../backup/backup-machine.ts";

const CLEAR_LINE = "\r\u001b[2K";

/** Runs `groundcrew backup` on a real terminal of `script` and returns all that the terminal receives. */
async function runBackupOnTerminal(env: Record<string, string>, cwd: string): Promise<string> {
  const command = `${process.execPath} --disable-warning=ExperimentalWarning ${resolve("runtime/cli.js")} backup`;
  const child = spawn("script", ["-qec", command, "/dev/null"], {
    cwd,
    env: { PATH: process.env["PATH"], TERM: "xterm", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return text(child.stdout);
}

test("A backup shows its steps in one line of a terminal, which is gone at the end", async () => {
  const { env, folder } = createBackupMachine();
  const received = await runBackupOnTerminal(env, folder);
  expect(received).toContain(`${CLEAR_LINE}backup: uploads …`);
  expect(received.split(CLEAR_LINE).at(-1)).toMatch(/^Backup .*: uploads, secrets; /);
});

test("A backup writes a line for each step where there is no terminal", async () => {
  const { run } = createBackupMachine();
  const { err, out } = await run(["backup"]);
  expect(err).toBe("backup: uploads saved\nbackup: secrets saved\n");
  expect(out).toMatch(/^Backup /);
});

test("Text is written above the line, which is never wider than the terminal", () => {
  const written: string[] = [];
  const stream = { isTTY: true, columns: 10, write: (part: string) => written.push(part) > 0 };
  const status = createStatusLine(stream as never);
  status.show("reading a long list");
  status.write("a note\n");
  status.show("");
  const line = `${CLEAR_LINE}reading a`;
  expect(written).toEqual([line, CLEAR_LINE, "a note\n", line, CLEAR_LINE]);
});
