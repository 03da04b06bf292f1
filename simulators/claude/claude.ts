import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type ClaudeSettings, runHooks, runShellCommand } from "./hooks.ts";
import { createKeyboard } from "./keyboard.ts";
import { CLAUDE_HELP, parseClaudeOptions } from "./options.ts";

/**
 * A stand-in for Claude Code in a terminal: starts, reports by hooks, stores its conversation and ends as the recorded
 * samples of the real program. In place of a model it follows the lines `do: …` of the ticket file:
 *
 * - `run <command>`: a tool that needs no permission
 * - `permission <command>`: a tool that asks first
 * - `api-error`, `exit <status>`, `die` (SIGKILL)
 * - `trust-dialog`, `no-session-start`: faults at the start
 */
const VERSION = "2.1.329";

const parsed = parseClaudeOptions(process.argv.slice(2));
if ("error" in parsed) exitWith(parsed.error, 1);
const { values, prompt } = parsed;
if (values.has("--version")) exitWith(`${VERSION} (Claude Code)`, 0);
if (values.has("--help")) exitWith(CLAUDE_HELP, 0);

const configFolder = process.env["CLAUDE_CONFIG_DIR"] ?? join(process.env["HOME"] ?? "", ".claude");
const settings = JSON.parse(readFileSync(values.get("--settings") ?? "", "utf8")) as ClaudeSettings;
const ticketFile = /(\/\S+\/ticket\.md)/.exec(values.get("--append-system-prompt") ?? "")?.[1];
const script = ticketFile === undefined ? "" : readFileSync(ticketFile, "utf8");
const steps = [...script.matchAll(/^do: (\S+) ?(.*)$/gm)].map(([, word = "", rest = ""]) => ({ word, rest }));
let sessionId = values.get("--resume") ?? values.get("--session-id") ?? randomUUID();
let turns = 0;

if (values.has("--session-id") && existsSync(getTranscriptPath()))
  exitWith(`Error: Session ID ${sessionId} is already in use.`, 1);
if (values.has("--resume") && !existsSync(getTranscriptPath()))
  exitWith(`No conversation found with session ID: ${sessionId}`, 1);

const keyboard = createKeyboard(process.stdin);
for (const [signal, status] of [
  ["SIGHUP", 129],
  ["SIGTERM", 143],
  ["SIGINT", 0],
] as const)
  process.on(signal, () => void endSession("other", status));

if (hasStep("trust-dialog")) {
  print("Accessing workspace:\n\n❯ No, exit\n  Yes, I trust this folder");
  await keyboard.readKey();
  process.exit(1);
}
print(`✻ Welcome to Claude Code ${VERSION}\n  cwd: ${process.cwd()}`);
if (!hasStep("no-session-start"))
  await report("SessionStart", { source: values.has("--resume") ? "resume" : "startup" });
await answerPrompt(prompt);
for (;;) {
  const line = await keyboard.readLine();
  if (line === undefined) await endSession("other", 129);
  else if (line !== "\u001b" && line !== "") await handleLine(line);
}

function getTranscriptPath(): string {
  return join(configFolder, "projects", process.cwd().replaceAll(/[^A-Za-z0-9]/g, "-"), `${sessionId}.jsonl`);
}

function hasStep(word: string): boolean {
  return steps.some((step) => step.word === word);
}

function print(text: string) {
  process.stdout.write(`${text.replaceAll("\n", "\r\n")}\r\n`);
}

function exitWith(text: string, status: number): never {
  process.stdout.write(`${text}\n`);
  process.exit(status);
}

/** Runs the hooks of an event with the fields that every event has. */
function report(event: string, fields: Record<string, unknown>) {
  const common = { session_id: sessionId, transcript_path: getTranscriptPath(), cwd: process.cwd() };
  return runHooks(settings, event, { ...common, ...fields });
}

async function handleLine(line: string): Promise<void> {
  if (line === "/exit") return endSession("prompt_input_exit", 0);
  if (line === "/clear") {
    await report("SessionEnd", { reason: "clear" });
    sessionId = randomUUID();
    await report("SessionStart", { source: "clear" });
    return;
  }
  const [, command, args = ""] = /^\/(\S+) ?(.*)$/s.exec(line) ?? [];
  if (command === undefined) return answerPrompt(line);
  if (!existsSync(join(configFolder, "commands", `${command}.md`))) return print(`Unknown command: /${command}`);
  const fields = { expansion_type: "slash_command", command_name: command, command_args: args, prompt: line };
  const answer = await report("UserPromptExpansion", { ...fields, command_source: "userSettings" });
  if (answer?.["decision"] === "block") return print(String(answer["reason"]));
  // Without an answer the command's text goes to the model, which follows it.
  writeFileSync(process.env["GROUNDCREW_COMPLETION_FILE"] ?? "/dev/null", args);
  print("I wrote the summary to the completion file.");
}

/** One turn: the first follows the ticket's steps, the others repeat what was typed. */
async function answerPrompt(text: string): Promise<void> {
  await report("UserPromptSubmit", { prompt: text });
  mkdirSync(dirname(getTranscriptPath()), { recursive: true });
  appendFileSync(
    getTranscriptPath(),
    `${JSON.stringify({ type: "user", message: { role: "user", content: text } })}\n`,
  );
  print(`> ${text}`);
  const isFirst = turns === 0 && !values.has("--resume");
  turns += 1;
  for (const { word, rest } of isFirst ? steps : []) await runStep(word, rest);
  print(isFirst ? "Tool finished; all done." : `Fake answer: ${text}`);
  const cost = { total_cost_usd: 0.00123 * turns };
  const context_window = { total_input_tokens: 1_130 * turns, total_output_tokens: 25 * turns };
  if (settings.statusLine)
    runShellCommand(settings.statusLine.command, { session_id: sessionId, cost, context_window });
  await report("Stop", { stop_hook_active: false, last_assistant_message: "Tool finished; all done." });
}

async function runStep(word: string, rest: string): Promise<void> {
  if (word === "run") return runTool(rest);
  if (word === "permission") return (await isAllowed(rest)) ? runTool(rest) : print("⎿  User denied this command");
  if (word === "api-error") {
    print("API Error: 500 fake 500. This is a server-side issue, usually temporary.");
    await report("StopFailure", { error: "server_error", last_assistant_message: "API Error: 500 fake 500" });
  }
  if (word === "exit") await endSession("other", Number(rest));
  if (word === "die") process.kill(process.pid, "SIGKILL");
}

function runTool(command: string) {
  print(`● Bash(${command})`);
  const { stdout, stderr } = spawnSync("/bin/sh", ["-c", command], { encoding: "utf8" });
  print(`⎿  ${`${stdout}${stderr}`.trim() || "(No output)"}`);
}

/** Asks by the hook; without an answer the dialog in the terminal decides. */
async function isAllowed(command: string): Promise<boolean> {
  const answer = await report("PermissionRequest", { tool_name: "Bash", tool_input: { command } });
  const output = answer?.["hookSpecificOutput"] as { decision?: { behavior?: string } } | undefined;
  if (output?.decision) return output.decision.behavior === "allow";
  print(`Bash command: ${command}\nDo you want to proceed?\n❯ 1. Yes\n  2. No`);
  return (await keyboard.readKey()) === "1";
}

async function endSession(reason: string, status: number): Promise<void> {
  await report("SessionEnd", { reason });
  process.exit(status);
}
