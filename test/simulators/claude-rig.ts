import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "vitest";
import { buildClaudeSettings } from "../../runtime/runner/claude/claude-process.ts";
import { startExchangeServer } from "../runtime/runner/exchange-server.ts";
import { startProgram } from "../support/program.ts";
import { createTestFolder, type OnEnd, writeFiles } from "../support/test-folder.ts";
import { getTestProgram } from "../support/test-programs.ts";

const STAND_IN = ["--disable-warning=ExperimentalWarning", getTestProgram("claude")];
/** Divides the delays of notifications: 60 ms and 0.6 s instead of 6 s and 60 s. */
const SPEED = "100";

/** Runs the stand-in for Claude Code with arguments that it must refuse. */
export function runStandIn(args: readonly string[], onEnd: OnEnd) {
  return startProgram([process.execPath, ...STAND_IN, ...args], { onEnd }).ended;
}

/** Starts the stand-in with the settings of a session, and a server that records its hooks. */
export async function startStandIn(
  { expect, onTestFinished }: Pick<TestContext, "expect" | "onTestFinished">,
  steps: readonly string[] = [],
  configure: (server: Awaited<ReturnType<typeof startExchangeServer>>) => void = () => {},
) {
  const folder = createTestFolder("claude", onTestFinished);
  const server = await startExchangeServer();
  configure(server);
  const path = (name: string) => join(folder, name);
  const paths = {
    ...{ folder, own: folder },
    ticket: path("ticket.md"),
    difference: path("difference.patch"),
    completion: path("completion.txt"),
    sessionStart: path("start.json"),
    sessionEnd: path("end.json"),
    status: path("status.json"),
  };
  const settings = buildClaudeSettings({
    policy: undefined,
    desired: { plans: false },
    record: { ticket: "ONB-1" },
    groundcrewUrl: server.url,
    paths,
  });
  writeFiles(folder, {
    "settings.json": settings,
    "ticket.md": steps.map((step) => `do: ${step}`).join("\n"),
    ".claude/commands/complete.md": "Summary: $ARGUMENTS",
  });
  const options = ["--session-id", randomUUID(), "--permission-mode", "manual", "--settings", path("settings.json")];
  const args = [...options, "--append-system-prompt", `See ${paths.ticket}.`, "--name", "claude-ONB-1", "--", "Do it."];
  const child = spawn(process.execPath, [...STAND_IN, ...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, CLAUDE_SIMULATOR_SPEED: SPEED, GROUNDCREW_TOKEN: "token" },
  });
  const exited = once(child, "exit");
  let screen = "";
  child.stdout.on("data", (data: Buffer) => {
    screen += String(data).replaceAll("\r", "");
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
    await server.close();
  });
  const readJson = (file: string): Record<string, unknown> | undefined =>
    existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : undefined;
  const waitFor = <T>(read: () => T) => expect.poll(read, { timeout: 20_000, interval: 20, message: screen });

  return {
    waitFor,
    /** The bodies of the HTTP hooks, in order. */
    getHooks: () => server.hooks.map(({ body }) => body),
    getEvents: () => server.hooks.map(({ body }) => String(body["hook_event_name"])),
    getScreen: () => screen,
    readSessionStart: () => readJson(paths.sessionStart),
    /** The entries of the stored conversation. */
    readTranscript: () => {
      const path = String(readJson(paths.sessionStart)?.["transcript_path"]);
      return readFileSync(path, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    },
    readStatus: () => readJson(paths.status),
    press: (key: string) => child.stdin.write(key),
    /** Types a line. Enter is sent when the text is on the screen, so that it is a chunk of its own. */
    async type(line: string) {
      const start = screen.length;
      child.stdin.write(line);
      await waitFor(() => screen.slice(start)).toContain(line);
      child.stdin.write("\r");
    },
    waitForEvent: (event: string) =>
      waitFor(() => server.hooks.map(({ body }) => body["hook_event_name"])).toContain(event),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Resolves with the exit code, null after a signal. */
    waitForEnd: async (): Promise<unknown> => (await exited)[0],
  };
}
