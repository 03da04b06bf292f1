import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askPermission, renderPermissionDialog } from "./ask-permission.ts";
import { askPlan, renderPlanDialog } from "./ask-plan.ts";
import { askQuestions, type Questions, renderQuestionDialog } from "./ask-questions.ts";
import { callMcpTool } from "./call-tool.ts";
import { applyPermissionUpdates, decideByRules, type Permissions } from "./decide-by-rules.ts";
import { readSettings, runHooks, runShellCommand } from "./hooks.ts";
import { createKeyboard } from "./keyboard.ts";
import { DIALOG_NOTICE_MS, IDLE_NOTICE_MS } from "./notice-delays.ts";
import { CLAUDE_HELP, parseClaudeOptions, parseSources } from "./options.ts";
import { echo, exitWith, print } from "./output.ts";
import { buildPayload, buildStatus, describeCommand, describeRun } from "./payloads.ts";
import {
  appendToTranscript,
  countDoneSteps,
  readStoredRequests,
  storeAnswer,
  storeCost,
  storeInterruption,
} from "./transcript.ts";
import { waitForModel } from "./wait-for-model.ts";

/**
 * A stand-in for Claude Code in a terminal: starts, reports by hooks, stores its conversation and ends as the recorded
 * samples of the real program. In place of a model it follows the lines `do: …` of the ticket file:
 *
 * - `run <command>`: a tool that needs no permission
 * - `permission <command>`: a tool that asks first, unless the rules or the mode of the session decide
 * - `plan <text>`: in plan mode, a plan that a person approves or sends back; then the next step
 * - `ask <JSON>`: the question tool, with its input
 * - `call <tool> <JSON>`: a tool of the MCP server `groundcrew`
 * - `silent`: the model does not answer; `retry <reason>`: it refuses, and is asked again; both until Escape
 * - `api-error`, `exit <status>`, `die` (SIGKILL)
 * - `trust-dialog`, `no-session-start`: faults at the start
 */
const VERSION = "2.1.329";

if (process.argv.slice(2).join(" ") === "auth status") {
  const folder = process.env["CLAUDE_CONFIG_DIR"] ?? join(process.env["HOME"] ?? "", ".claude");
  const loggedIn = "ANTHROPIC_API_KEY" in process.env || existsSync(join(folder, ".credentials.json"));
  exitWith(process.stdout, JSON.stringify({ loggedIn, authMethod: loggedIn ? "api_key" : "none" }), loggedIn ? 0 : 1);
}
const parsed = parseClaudeOptions(process.argv.slice(2));
if ("error" in parsed) exitWith(process.stderr, parsed.error, 1);
const { values, prompt } = parsed;
if (values.has("--version")) exitWith(process.stdout, `${VERSION} (Claude Code)`, 0);
if (values.has("--help")) exitWith(process.stdout, CLAUDE_HELP, 0);

const configFolder = process.env["CLAUDE_CONFIG_DIR"] ?? join(process.env["HOME"] ?? "", ".claude");
const settings = readSettings({ given: values.get("--settings"), sources: parseSources(values), configFolder });
const ticketFile = /(\/\S+\/ticket\.md)/.exec(values.get("--append-system-prompt") ?? "")?.[1];
const script = ticketFile === undefined ? "" : readFileSync(ticketFile, "utf8");
const steps = readSteps(script);
let sessionId = values.get("--resume") ?? values.get("--session-id") ?? randomUUID();
let promptId = randomUUID();
const permissions: Permissions = {
  mode: values.get("--permission-mode") ?? "manual",
  ...{ allow: [], ask: [], deny: [], ...settings.permissions },
};
let isPlanning = values.get("--permission-mode") === "plan";
let turns = 0;
let requests = values.has("--resume") ? readStoredRequests(getTranscriptPath()) : 0;
let idleNotice: NodeJS.Timeout | undefined;

if (values.has("--session-id") && existsSync(getTranscriptPath()))
  exitWith(process.stderr, `Error: Session ID ${sessionId} is already in use.`, 1);
if (values.has("--resume") && !existsSync(getTranscriptPath()))
  exitWith(process.stderr, `No conversation found with session ID: ${sessionId}`, 1);

const keyboard = createKeyboard(process.stdin, echo);
for (const [signal, status] of [
  ["SIGHUP", 129],
  ["SIGTERM", 143],
  ["SIGINT", 0],
] as const)
  process.on(signal, () => void endSession("other", status));

if (hasStep("trust-dialog")) {
  print("Accessing workspace:\n\n❯ No, exit\n  Yes, I trust this folder");
  // The arrow selects the second entry; any other key leaves the first one selected.
  if ((await keyboard.readKey()) !== "\u001b[B" || (await keyboard.readKey()) !== "\r") process.exit(1);
}
print(`✻ Welcome to Claude Code ${VERSION}\n  cwd: ${process.cwd()}`);
if (!hasStep("no-session-start"))
  await report("SessionStart", { source: values.has("--resume") ? "resume" : "startup" });
showStatus();
if (prompt !== "") await handleLine(prompt);
for (;;) {
  const line = await keyboard.readLine();
  clearTimeout(idleNotice);
  if (line === undefined) await endSession("other", 129);
  else if (line !== "\u001b" && line !== "") await handleLine(line);
}

function readSteps(text: string) {
  return [...text.matchAll(/^do: (\S+) ?(.*)$/gm)].map(([, word = "", rest = ""]) => ({ word, rest }));
}

function getTranscriptPath(): string {
  return join(configFolder, "projects", process.cwd().replaceAll(/[^A-Za-z0-9]/g, "-"), `${sessionId}.jsonl`);
}

function getConversation() {
  const title = values.get("--name");
  return {
    sessionId,
    promptId,
    mode: isPlanning ? "plan" : "default",
    transcriptPath: getTranscriptPath(),
    ...(title === undefined ? {} : { title }),
  };
}

function hasStep(word: string): boolean {
  return steps.some((step) => step.word === word);
}

/** Runs the hooks of an event. */
function report(event: string, fields: Record<string, unknown>, signal?: AbortSignal) {
  return runHooks(settings, buildPayload(event, fields, getConversation()), signal);
}

function showStatus() {
  if (settings.statusLine)
    runShellCommand(settings.statusLine.command, buildStatus(requests, getConversation(), VERSION));
}

async function handleLine(line: string): Promise<void> {
  if (line === "/exit") return endSession("prompt_input_exit", 0);
  promptId = randomUUID();
  if (line === "/clear") {
    await report("SessionEnd", { reason: "clear" });
    sessionId = randomUUID();
    await report("SessionStart", { source: "clear" });
    return;
  }
  const [, command, args = ""] = /^\/(\S+) ?(.*)$/s.exec(line) ?? [];
  if (command !== undefined && !existsSync(join(configFolder, "commands", `${command}.md`)))
    return print(`Unknown command: /${command}`);
  await report("UserPromptSubmit", { prompt: line });
  if (command === undefined) return runTurn(line);
  const fields = { expansion_type: "slash_command", command_name: command, command_args: args };
  const answer = await report("UserPromptExpansion", { ...fields, command_source: "userSettings", prompt: line });
  if (answer?.["decision"] === "block")
    return print(
      `● UserPromptExpansion operation blocked by hook:\n  ${answer["reason"]}\n\n  Original prompt: ${line}`,
    );
  // Without an answer the command's text goes to the model, which follows it.
  writeFileSync(process.env["GROUNDCREW_COMPLETION_FILE"] ?? "/dev/null", args);
  print("I wrote the summary to the completion file.");
}

/** One turn: it follows steps in the text itself, else the first those of the ticket that are not done yet; others repeat what was typed. */
async function runTurn(text: string): Promise<void> {
  appendToTranscript(getTranscriptPath(), { type: "user", message: { role: "user", content: text } });
  print(`❯ ${text}`);
  const isFirst = turns === 0;
  turns += 1;
  const own = readSteps(text);
  const due = isFirst && own.length === 0 ? steps.slice(countDoneSteps(getTranscriptPath())) : own;
  for (const { word, rest } of due) {
    countRequest();
    // What waits for a person, or for Groundcrew, is recorded when it has the answer, because it is asked again.
    if (!["permission", "call", "ask", "plan"].includes(word)) recordStep();
    if ((await runStep(word, rest)) === "over") return;
  }
  countRequest();
  const answer = isFirst || own.length > 0 ? "Tool finished; all done." : `Fake answer: ${text}`;
  print(`● ${answer}`);
  showStatus();
  const fields = { stop_hook_active: false, last_assistant_message: answer, background_tasks: [], session_crons: [] };
  await report("Stop", fields);
  idleNotice = setTimeout(() => void notify("idle_prompt", "Claude is waiting for your input"), IDLE_NOTICE_MS);
}

/** Counts a request to the model, and stores its answer as Claude does: its usage stands in each part of it. */
function countRequest(): void {
  requests += 1;
  storeAnswer(getTranscriptPath());
}

/** A model knows from its conversation which command it has begun, and does not repeat it after an interruption. */
function recordStep(): void {
  appendToTranscript(getTranscriptPath(), { type: "step" });
}

/** Runs a step. After an API error, and after a tool that was denied in its dialog, the turn is over without Stop. */
async function runStep(word: string, rest: string): Promise<"over" | undefined> {
  if (word === "run") await runTool(rest);
  if (word === "call") {
    const [, name = "", input = "{}"] = /^(\S+) ?(.*)$/.exec(rest) ?? [];
    print(`● groundcrew - ${name} (MCP)`);
    const fields = JSON.parse(input) as { text?: string };
    const answer = await callMcpTool(values.get("--mcp-config") ?? "", name, fields);
    print(`⎿  ${answer ?? "Error: fetch failed"}`);
    // The instructions of a session name the file for the case that the tool cannot be reached.
    if (answer === undefined)
      writeFileSync(process.env["GROUNDCREW_COMPLETION_FILE"] ?? "/dev/null", fields.text ?? "");
    recordStep();
  }
  if (word === "permission") {
    const byRule = decideByRules(rest, permissions);
    const decision = byRule === "ask" ? await requestPermission(rest) : byRule;
    if (decision === "interrupt") return interruptTurn();
    recordStep();
    if (decision === "allow") await runTool(rest);
    else if (byRule === "deny") print(`⎿  Error: Permission to use Bash with command ${rest} has been denied.`);
    else print("⎿  Error: A person denied it.\n  ⎿  Denied by PermissionRequest hook");
  }
  if (word === "plan") {
    if (isPlanning && (await runPlan(rest)) === "interrupt") return interruptTurn();
    recordStep();
  }
  if (word === "ask") {
    if ((await runQuestions(JSON.parse(rest) as Questions)) === "interrupt") return interruptTurn();
    recordStep();
  }
  if (word === "silent" || word === "retry") {
    await waitForModel(keyboard, getTranscriptPath(), rest || undefined);
    return interruptTurn();
  }
  if (word === "api-error") {
    print("● API Error: 500 fake 500. This is a server-side issue, usually temporary.");
    await report("StopFailure", { error: "server_error", last_assistant_message: "API Error: 500 fake 500" });
    return "over";
  }
  if (word === "exit") await endSession("other", Number(rest));
  if (word === "die") process.kill(process.pid, "SIGKILL");
  return undefined;
}

async function runTool(command: string): Promise<void> {
  print(`● Bash(${command})`);
  const result = spawnSync("/bin/sh", ["-c", command], { encoding: "utf8" });
  print(`⎿  ${`${result.stdout}${result.stderr}`.trim() || "(No output)"}`);
  await report(result.status === 0 ? "PostToolUse" : "PostToolUseFailure", describeRun(command, result));
}

function interruptTurn(): "over" {
  storeInterruption(getTranscriptPath());
  print("⎿  Interrupted · What should Claude do instead?");
  return "over";
}

async function runPlan(text: string): Promise<"interrupt" | undefined> {
  const planFilePath = join(configFolder, "plans", "the-plan.md");
  mkdirSync(join(configFolder, "plans"), { recursive: true });
  writeFileSync(planFilePath, text);
  print(renderPlanDialog(text));
  const decision = await askPlan(
    createRequest({ tool_name: "ExitPlanMode", tool_input: { plan: text, planFilePath } }),
  );
  if (decision === "interrupt") return decision;
  if ("back" in decision) {
    print(`⎿  User rejected the plan: ${decision.back}`);
    return undefined;
  }
  isPlanning = false;
  const { plan = text, updates = [] } = decision;
  permissions.mode = "manual";
  applyPermissionUpdates(permissions, updates);
  print(`⎿  User approved Claude's plan: ${plan}`);
  await report("PostToolUse", {
    tool_name: "ExitPlanMode",
    tool_input: { plan },
    tool_response: { plan, isAgent: false },
  });
  return undefined;
}

async function runQuestions(input: Questions): Promise<"interrupt" | undefined> {
  print(renderQuestionDialog(input));
  const tool = { tool_name: "AskUserQuestion", tool_input: input };
  const answers = await askQuestions(createRequest(tool), input);
  if (answers === "interrupt") return answers;
  const lines = Object.entries(answers).map(([question, answer]) => `· ${question} → ${answer}`);
  print(`● Answered Claude's questions:\n  ⎿  ${lines.join("\n     ")}`);
  await report("PostToolUse", { ...tool, tool_input: { ...input, answers } });
  return undefined;
}

function requestPermission(command: string) {
  print(renderPermissionDialog(command));
  const permission_suggestions = [{ type: "setMode", mode: "acceptEdits", destination: "session" }];
  return askPermission(createRequest({ ...describeCommand(command), permission_suggestions }));
}

function createRequest(fields: Record<string, unknown>) {
  return {
    keyboard,
    runHook: (signal: AbortSignal) => report("PermissionRequest", fields, signal),
    notify: () => notify("permission_prompt", "Claude needs your permission"),
    notifyAfterMs: DIALOG_NOTICE_MS,
  };
}

function notify(notification_type: string, message: string) {
  return report("Notification", { message, notification_type });
}

async function endSession(reason: string, status: number): Promise<void> {
  await report("SessionEnd", { reason });
  if (existsSync(getTranscriptPath())) storeCost(getTranscriptPath(), requests);
  if (reason === "prompt_input_exit") print(`\nResume this session with:\nclaude --resume ${sessionId}`);
  process.exit(status);
}
