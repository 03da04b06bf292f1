import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ThreadHost } from "./app-server.ts";

type Item = { type: string; id: string } & Record<string, unknown>;

interface Turn {
  id: string;
  status: "inProgress" | "completed" | "failed" | "interrupted";
  startedAt: number;
  error: { message: string; codexErrorInfo: string } | null;
  items: Item[];
}

interface State {
  id: string;
  cwd: string;
  developerInstructions: string;
  /** Number of lines of the ticket file that were done. */
  step: number;
  calls: number;
  /** The server that has it open: its process, and when that began. */
  writer: string;
  turns: Turn[];
  tokens: number;
}

export type Thread = ReturnType<typeof openThread>;

const TOKENS = { input: 1_000, output: 50 };

/** Begins a thread; nothing of it is stored before its first turn. */
export function createThread(
  host: ThreadHost,
  home: string,
  { id, cwd, developerInstructions }: Pick<State, "id" | "cwd" | "developerInstructions">,
) {
  if (!existsSync(cwd)) throw new Error(`no such folder: ${cwd}`);
  const state = {
    id,
    cwd,
    developerInstructions,
    step: 0,
    calls: 0,
    writer: describeProcess(process.pid),
    turns: [],
    tokens: 0,
  };
  return openThread(host, join(home, "sessions", `rollout-${id}.jsonl`), state);
}

/** Loads a stored thread: a turn that was not over is interrupted. */
export function loadThread(host: ThreadHost, home: string, id: string) {
  const folder = join(home, "sessions");
  const name = existsSync(folder) && readdirSync(folder).find((file) => file.endsWith(`-${id}.jsonl`));
  if (!name) throw new Error(`no rollout found for thread id ${id}`);
  const state = JSON.parse(readFileSync(join(folder, name), "utf8")) as State;
  if (describeProcess(Number.parseInt(state.writer, 10)) === state.writer)
    throw new Error(`thread ${id} already has an active writer`);
  for (const turn of state.turns) if (turn.status === "inProgress") turn.status = "interrupted";
  return openThread(host, join(folder, name), { ...state, writer: describeProcess(process.pid) });
}

/** A process by its number and its start: another box has the same numbers. Empty when it has ended. */
function describeProcess(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "" : `${pid} ${fields[19]}`;
  } catch {
    return "";
  }
}

function openThread(host: ThreadHost, path: string, state: State) {
  let turn: Turn | undefined;
  let mode = "default";
  const background = new Set<ReturnType<typeof spawn>>();

  function store() {
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(`${path}.draft`, JSON.stringify(state));
    renameSync(`${path}.draft`, path);
  }

  function addItem(item: Omit<Item, "id"> & { type: string }, isDone = true): Item {
    state.calls += 1;
    const whole = { ...item, id: `call_${state.calls}` } as Item;
    turn?.items.push(whole);
    host.notify("item/started", { item: whole, turnId: turn?.id });
    if (isDone) host.notify("item/completed", { item: whole, turnId: turn?.id });
    store();
    return whole;
  }

  function finish(status: Turn["status"], error: Turn["error"] = null) {
    const ended = turn;
    if (!ended) return;
    turn = undefined;
    Object.assign(ended, { status, error });
    store();
    host.drop();
    host.notify("thread/status/changed", { status: { type: "idle" } });
    host.notify("turn/completed", { turn: { ...ended, items: [], itemsView: "notLoaded" } });
  }

  function sendUsage() {
    const total = { inputTokens: state.tokens * TOKENS.input, outputTokens: state.tokens * TOKENS.output };
    host.notify("thread/tokenUsage/updated", { tokenUsage: { total, last: total } });
  }

  function readSteps(): string[] {
    const [, file = ""] = /ticket file (\S+)\. Texts/.exec(state.developerInstructions) ?? [];
    return [...readFileSync(file, "utf8").matchAll(/^do: (.*)$/gm)].map(([, step]) => step ?? "");
  }

  async function work(present: Turn) {
    const isPresent = () => turn === present;
    for (let steps = readSteps(); isPresent(); steps = readSteps()) {
      const step = steps[state.step] ?? "stay";
      const [, word = "", rest = ""] = /^(\S+) ?(.*)$/.exec(step) ?? [];
      state.tokens += 1;
      sendUsage();
      // In plan mode nothing is done but what makes a plan.
      if (mode === "plan" && word !== "plan" && word !== "question") {
        if (word !== "say") return finish("completed");
      }
      const result = await perform(word, rest);
      if (!isPresent()) return;
      state.step += 1;
      store();
      if (result) return finish(...result);
    }
  }

  async function perform(word: string, rest: string): Promise<[Turn["status"], Turn["error"]?] | undefined> {
    switch (word) {
      case "run":
        await runCommand(rest);
        return undefined;
      case "background":
        background.add(spawn("/bin/bash", ["-lc", rest], { cwd: state.cwd, env: getEnvironment(), detached: true }));
        return undefined;
      case "ask":
        await askForCommand(rest);
        return undefined;
      case "together":
        // Those that are asked together come in any order.
        await Promise.all(rest.split(" ;; ").toReversed().map(askForCommand));
        return undefined;
      case "patch":
        await askForPatch(rest);
        return undefined;
      case "mcp":
        await askForTool(rest);
        return undefined;
      case "form":
        await askByForm(rest);
        return undefined;
      case "question":
        await askQuestion(rest);
        return undefined;
      case "plan":
        addItem({ type: "plan", text: rest });
        return ["completed"];
      case "say":
        addItem({ type: "agentMessage", text: rest });
        return undefined;
      case "complete":
        await complete(rest);
        return undefined;
      case "retry":
        host.notify("error", {
          error: { message: "Reconnecting... 1/5", codexErrorInfo: "other", additionalDetails: rest },
          willRetry: true,
        });
        return new Promise(() => undefined);
      case "fail":
        host.notify("error", { error: { message: rest, codexErrorInfo: "other" }, willRetry: false });
        return ["failed", { message: rest, codexErrorInfo: "other" }];
      default:
        return ["completed"];
    }
  }

  function getEnvironment() {
    const entries = Object.entries(host.env).filter(([name]) => !host.hidden.some((pattern) => pattern.test(name)));
    return Object.fromEntries(entries) as Record<string, string>;
  }

  async function runCommand(command: string): Promise<void> {
    const child = spawn("/bin/bash", ["-lc", command], { cwd: state.cwd, env: getEnvironment(), stdio: "ignore" });
    await new Promise((resolve) => child.on("close", resolve));
  }

  const getCommon = (item: Item) => ({ turnId: turn?.id, itemId: item.id, startedAtMs: Date.now() });

  async function askForCommand(inner: string) {
    const command = `/bin/bash -lc '${inner}'`;
    const item = addItem({ type: "commandExecution", command, status: "inProgress" }, false);
    const params = { ...getCommon(item), kind: "command", reason: "need it", command, cwd: state.cwd };
    const { result } = await host.request("item/commandExecution/requestApproval", {
      ...params,
      proposedExecpolicyAmendment: [inner.split(" ")[0]],
      availableDecisions: ["accept", { acceptWithExecpolicyAmendment: { execpolicy_amendment: ["x"] } }, "cancel"],
    });
    await decide(item, result, () => runCommand(inner));
  }

  async function askForPatch(rest: string) {
    const [file = "", ...words] = rest.split(" ");
    const text = `${words.join(" ")}\n`;
    const changes = [{ path: join(state.cwd, file), kind: { type: "add" }, diff: text }];
    const item = addItem({ type: "fileChange", changes, status: "inProgress" }, false);
    const params = { ...getCommon(item), reason: null, grantRoot: null };
    const { result } = await host.request("item/fileChange/requestApproval", params);
    await decide(item, result, async () => writeFileSync(join(state.cwd, file), text));
  }

  async function decide(item: Item, result: unknown, act: () => Promise<void>) {
    const { decision } = (result ?? {}) as { decision?: string };
    if (decision === "cancel") return finish("interrupted");
    const isAccepted = decision === "accept" || decision === "acceptForSession";
    if (isAccepted) await act();
    const status = isAccepted ? "completed" : "declined";
    Object.assign(item, { status });
    host.notify("item/completed", { item, turnId: turn?.id });
  }

  async function askForTool(rest: string) {
    const [tool = "", argument = "{}"] = rest.split(" ");
    const _meta = { codex_approval_kind: "mcp_tool_call", tool_name: tool, tool_params: JSON.parse(argument) };
    const { result } = await host.request("mcpServer/elicitation/request", {
      ...{ turnId: turn?.id, serverName: "other", mode: "form", message: `Allow ${tool}?` },
      _meta: { ..._meta, persist: ["session", "always"] },
      requestedSchema: { type: "object", properties: {} },
    });
    const { action, _meta: kept } = result as { action?: string; _meta?: unknown };
    writeFileSync(join(state.cwd, `${tool}.json`), JSON.stringify({ action, kept: kept ?? "" }));
    addItem({ type: "agentMessage", text: `tool ${tool}: ${action}` });
  }

  /** An MCP server asks for values of its own, which only the terminal takes. */
  async function askByForm(message: string) {
    const { result } = await host.request("mcpServer/elicitation/request", {
      ...{ turnId: turn?.id, serverName: "other", mode: "form", message, _meta: null },
      requestedSchema: { type: "object", properties: { answer: { type: "string" } } },
    });
    const { action, content } = result as { action?: string; content?: { answer?: string } };
    writeFileSync(join(state.cwd, "form.txt"), `${action} ${content?.answer ?? ""}`);
  }

  async function askQuestion(rest: string) {
    const [question = "", ...options] = rest.split("|");
    const item = { type: "toolCall", id: `call_q${state.step}` };
    const { result } = await host.request("item/tool/requestUserInput", {
      ...getCommon(item),
      questions: [
        {
          ...{ id: "first", header: "Q", question, isOther: true, isSecret: false },
          options: options.map((label) => ({ label, description: "" })),
        },
      ],
      isBlocking: true,
    });
    const { answers } = result as { answers?: { first?: { answers: string[] } } };
    writeFileSync(join(state.cwd, "answer.txt"), answers?.first?.answers.join(",") ?? "");
  }

  async function complete(text: string) {
    const task = /ticket (\S+) of/.exec(state.developerInstructions)?.[1];
    const params = { name: "update_task_status", arguments: { task, status: "done", text } };
    const response = await fetch(host.mcp.url, {
      method: "POST",
      headers: {
        ...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
        authorization: `Bearer ${host.mcp.token}`,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    });
    addItem({ type: "mcpToolCall", result: await response.text() });
  }

  return {
    id: state.id,
    isBusy: () => turn !== undefined,
    sendUsage,
    describe: () => ({
      thread: { id: state.id, path, cwd: state.cwd, status: { type: turn ? "active" : "idle" }, turns: state.turns },
      ...{ model: "gpt-5.5", modelProvider: "fake", cwd: state.cwd, approvalPolicy: "on-request" },
    }),
    /** Begins a turn; during one the text joins it. */
    startTurn({
      input,
      clientUserMessageId = null,
      collaborationMode,
    }: {
      input: { text: string }[];
      clientUserMessageId?: string | null;
      collaborationMode?: { mode: string };
    }) {
      const isNew = turn === undefined;
      if (isNew) mode = collaborationMode?.mode ?? mode;
      const present: Turn = turn ?? {
        ...{ id: randomUUID(), status: "inProgress", error: null, items: [] },
        startedAt: Math.floor(Date.now() / 1_000),
      };
      if (isNew) {
        turn = present;
        state.turns.push(present);
      }
      // The answer to the call comes first.
      setImmediate(() => {
        if (isNew) host.notify("turn/started", { turn: { ...present, items: [] } });
        addItem({ type: "userMessage", clientId: clientUserMessageId, content: input });
        if (isNew) void work(present);
      });
      return { ...present, items: [] };
    },
    /** Ends the turn; commands that it has left in the background go on. */
    interrupt: () => finish("interrupted"),
    clean() {
      for (const child of background) if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      background.clear();
    },
  };
}
