/**
 * The runner's side of one Codex session: it keeps a connection to the session's app-server, begins the thread and its
 * turns, carries requests to people and their answers back, and knows how the session is. The server outlives the
 * runner, and sends open requests again on a new connection: all that is done here can be repeated.
 */

import { join } from "node:path";
import { z } from "zod";
import { getErrorMessage } from "../../../shared/errors.ts";
import { changeFields, omitUndefined } from "../../../shared/omit-undefined.ts";
import { cleanLine } from "../../../shared/text.ts";
import { type Ms, SECOND, wait } from "../../../shared/time.ts";
import { writePrivateFile } from "../../node/files.ts";
import { buildInstructions, buildPrompt, type DriverContext, type SessionState } from "../driver.ts";
import type { DesiredSession } from "../plan-actions.ts";
import { readSessionJson, type SessionPaths, type SessionRecord, transcriptSchema } from "../session-folder.ts";
import { type CodexConnection, connectToCodex, type ServerMessage } from "./connection.ts";
import {
  createRequestId,
  type Decision,
  type FileChanges,
  fileChangesSchema,
  type HookReporter,
  readRequest,
  recallRequest,
} from "./requests.ts";

export type CodexSession = ReturnType<typeof createCodexSession>;

/** What Groundcrew wants of a session, as far as the driver uses it. */
type Wanted = Pick<DesiredSession, "token" | "plans" | "inputs">;

/** Delay before a connection is tried again: 500 ms; the server of a session that was just started needs some time. */
const RETRY_MS: Ms = SECOND / 2;

/** Time after which a session that has no thread is reported: 10 s. */
const START_TIMEOUT_MS: Ms = 10 * SECOND;

/** Time between two reports that the tools of a session go on: 20 s. */
const PROGRESS_MS: Ms = 20 * SECOND;

const MAX_MESSAGE_LENGTH = 2_000;

const APPROVED_TEXT = "The plan is approved. Carry it out.";

const itemSchema = z.looseObject({
  type: z.string(),
  id: z.string(),
  clientId: z.string().nullish(),
  text: z.string().nullish(),
  changes: fileChangesSchema.nullish().catch(undefined),
});

const turnSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  startedAt: z.number().nullish(),
  error: z.looseObject({ message: z.string() }).nullish(),
  items: z.array(itemSchema).default([]),
});

const threadSchema = z.looseObject({
  model: z.string(),
  thread: z.looseObject({ id: z.uuid(), path: z.string(), turns: z.array(turnSchema).default([]) }),
});

const accountSchema = z.looseObject({ account: z.unknown(), requiresOpenaiAuth: z.boolean().default(false) });

const usageSchema = z.looseObject({ inputTokens: z.int().min(0), outputTokens: z.int().min(0) });

/** What a notification is about. */
const noteSchema = z.looseObject({
  item: itemSchema.optional().catch(undefined),
  turn: turnSchema.optional().catch(undefined),
  requestId: z.union([z.string(), z.int()]).optional().catch(undefined),
  tokenUsage: z.looseObject({ total: usageSchema }).optional().catch(undefined),
  error: z.looseObject({ message: z.string(), additionalDetails: z.string().nullish() }).optional().catch(undefined),
  willRetry: z.boolean().default(false).catch(false),
});

type Item = z.infer<typeof itemSchema>;

type Turn = z.infer<typeof turnSchema>;

/** The thread of the last launch: its id and its stored entries. Undefined before it has one. */
export function findThread({ thread }: Pick<SessionPaths, "thread">) {
  return readSessionJson(thread, transcriptSchema);
}

/** Creates the session of a ticket; its connection begins with the first call of `attend`. */
export function createCodexSession(context: DriverContext, ticket: string, reporter: HookReporter) {
  const { records, clock } = context;
  const paths = records.getPaths(ticket);
  let wanted: Wanted = { token: "", plans: false, inputs: [] };
  let isAttended = false;
  let connection: CodexConnection | undefined;
  let problem: string | undefined;
  let state: SessionState = {};
  let thread = { id: "", model: "" };
  let activeTurn: string | undefined;
  let lastMessage = "";
  let plan: { id: string; text: string } | undefined;
  let toldAt = 0;
  /** A turn has begun since the launch. */
  let hasTextOfLaunch = false;
  /** Ids of the texts that have reached the thread. */
  const texts = new Set<string>();
  const changes = new Map<string, FileChanges>();
  /** What people are asked, by the id of the server's request; `id`: the one in Groundcrew. */
  const pending = new Map<string | number, { id: string; asking: AbortController }>();

  const getRecord = () => records.get(ticket);
  const report = (hook: object) => void reporter.report(ticket, wanted.token, hook);
  const note = (thrown: unknown) => {
    problem = cleanLine(getErrorMessage(thrown), 500);
  };

  /** Whether the session is one that the runner has: a connection to another one ends. */
  const isOurs = (launch: string) => {
    const record = getRecord();
    return isAttended && record?.phase === "launched" && record.started_at === launch;
  };

  async function run(launch: string) {
    while (isOurs(launch)) {
      await serve(launch).catch(note);
      await wait(RETRY_MS);
    }
    isAttended = false;
  }

  /** Serves one connection until it ends. */
  async function serve(launch: string) {
    const closed = Promise.withResolvers<void>();
    const joined = Promise.withResolvers<void>();
    // Messages wait until the thread is known.
    const onMessage = (message: ServerMessage) => void joined.promise.then(() => receive(message)).catch(note);
    const opened = await connectToCodex(paths.socket, { onMessage, onClose: closed.resolve });
    try {
      await begin(opened, launch);
      problem = undefined;
      connection = opened;
      joined.resolve();
      // Those that have waited come first.
      await joined.promise;
      await startFirstTurn();
      while (isOurs(launch) && connection === opened)
        await Promise.race([closed.promise.then(() => (connection = undefined)), wait(RETRY_MS)]);
    } finally {
      connection = undefined;
      opened.close();
      for (const { asking } of pending.values()) asking.abort();
      pending.clear();
    }
  }

  /** Begins the thread of this launch, or joins it. */
  async function begin({ call }: CodexConnection, launch: string) {
    const record = getRecord();
    if (!record) throw new Error("The session has no record.");
    const { account, requiresOpenaiAuth } = await call("account/read", {}, accountSchema);
    if (requiresOpenaiAuth && (account ?? null) === null)
      throw new Error("Codex is not signed in: run `codex login` as the runner's user.");
    const { conversation, worktree, project } = record;
    const { policy } = context.settings.repositories.get(project) ?? {};
    const known = findThread(paths) ?? (conversation?.is_lost ? undefined : conversation);
    const common = {
      ...{ cwd: worktree, sandbox: "workspace-write", approvalPolicy: "on-request" },
      ...{ developerInstructions: buildInstructions(ticket, paths, "AGENTS.md", policy?.prompt) },
      ...omitUndefined({ model: policy?.model }),
    };
    const begun = known
      ? await call("thread/resume", { threadId: known.session_id, ...common }, threadSchema)
      : await call("thread/start", common, threadSchema);
    const { id, path, turns } = begun.thread;
    thread = { id, model: begun.model };
    writePrivateFile(paths.thread, JSON.stringify({ session_id: id, transcript_path: path }));
    for (const turn of turns) for (const item of turn.items) readItem(item);
    hasTextOfLaunch ||= turns.some((turn) => isOfLaunch(turn, launch));
    const last = turns.at(-1);
    activeTurn = last?.status === "inProgress" ? last.id : undefined;
    state = omitUndefined({ progressAt: state.progressAt, tokens: state.tokens });
    // What has ended while nobody was connected is reported now.
    plan = last?.items.flatMap(toPlan).at(-1);
    if (last && last.status !== "inProgress" && isOfLaunch(last, launch)) finishTurn(last);
  }

  const isOfLaunch = ({ startedAt }: Turn, launch: string) =>
    (startedAt ?? 0) >= Math.floor(Date.parse(launch) / SECOND);

  /** Sends the first text of a launch, unless one was sent, or what a person has sent back is the first. */
  async function startFirstTurn() {
    const record = getRecord();
    if (!record || activeTurn !== undefined || wanted.inputs.some(({ kind }) => kind === "paste")) return;
    const id = toLaunchId(record);
    if (!texts.has(id) && !hasTextOfLaunch) await startTurn(id, buildPrompt(record, paths, wanted.plans), wanted.plans);
  }

  /** Starts a turn with a text, once; during a turn the text joins it. */
  async function startTurn(id: string, text: string, plans: boolean) {
    if (texts.has(id)) return;
    if (!connection) throw new Error("There is no connection to Codex.");
    const settings = { model: thread.model, reasoning_effort: null, developer_instructions: null };
    const record = getRecord();
    // The repository of a clone is its own, and read in a box: a commit needs nobody.
    const writableRoots = record?.is_boxed ? [join(record.worktree, ".git")] : [];
    const workspace = { writableRoots, networkAccess: false, excludeTmpdirEnvVar: false, excludeSlashTmp: false };
    const params = {
      ...{ threadId: thread.id, clientUserMessageId: id, input: [{ type: "text", text, text_elements: [] }] },
      approvalPolicy: "on-request",
      // Its plan mode does not keep commands from writing.
      sandboxPolicy: plans ? { type: "readOnly", networkAccess: false } : { type: "workspaceWrite", ...workspace },
      collaborationMode: { mode: plans ? "plan" : "default", settings },
    };
    await connection.call("turn/start", params, z.unknown());
    texts.add(id);
    hasTextOfLaunch = true;
  }

  function readItem({ type, id, clientId, changes: changed, text }: Item) {
    if (type === "userMessage" && clientId) texts.add(clientId);
    if (type === "fileChange" && changed) changes.set(id, changed);
    if (type === "agentMessage" && text) lastMessage = text;
  }

  function receive(message: ServerMessage) {
    const { method, params, id: requestId } = message;
    if (requestId !== undefined) return void ask(requestId, message).catch(note);
    const { item, turn, requestId: resolved, tokenUsage, error, willRetry } = noteSchema.parse(params);
    switch (method) {
      case "turn/started":
        activeTurn = turn?.id;
        plan = undefined;
        state = omitUndefined({ progressAt: clock(), tokens: state.tokens });
        return report({ hook_event_name: "UserPromptSubmit" });
      case "item/started":
        return item && readItem(item);
      case "item/completed":
        return item && completeItem(item);
      case "turn/completed":
        return turn && finishTurn(turn);
      case "thread/tokenUsage/updated": {
        const { inputTokens: input, outputTokens: output } = tokenUsage?.total ?? {};
        if (input !== undefined && output !== undefined) state = { ...state, tokens: { input, output } };
        return;
      }
      case "error": {
        if (!error || !willRetry) return;
        const reason = cleanLine(error.additionalDetails ?? error.message, 300);
        state = { ...state, attention: `Codex repeats its request to the model: ${reason}` };
        return;
      }
      case "serverRequest/resolved":
        return resolved !== undefined && settle(resolved);
    }
  }

  function completeItem(item: Item) {
    readItem(item);
    state = changeFields(state, { attention: undefined, progressAt: clock() });
    plan = toPlan(item)[0] ?? plan;
    if (clock() - toldAt < PROGRESS_MS) return;
    toldAt = clock();
    report({ hook_event_name: "PostToolUse", tool_name: item.type });
  }

  /** Tells how a turn has ended, which may be repeated. */
  function finishTurn({ id, status, error }: Turn) {
    activeTurn = undefined;
    const isInterrupted = status === "interrupted";
    state = changeFields(state, {
      attention: undefined,
      ...(isInterrupted ? { interruption: { id, at: clock() } } : {}),
    });
    if (isInterrupted) return;
    if (status === "completed" && plan && wanted.plans) return void askForPlan(plan).catch(note);
    const request_id = id.replaceAll("-", "");
    const last_assistant_message = lastMessage.slice(0, MAX_MESSAGE_LENGTH);
    report(
      status === "failed"
        ? { hook_event_name: "StopFailure", request_id, error: error?.message ?? "The turn has failed." }
        : { hook_event_name: "Stop", request_id, last_assistant_message },
    );
  }

  /** Somebody has answered a request in the terminal, or it is over with its turn. */
  function settle(id: string | number) {
    const request = pending.get(id);
    pending.delete(id);
    request?.asking.abort();
    if (request) report({ hook_event_name: "RequestResolved", request_id: request.id });
  }

  /** Asks people, and answers the server; the request stays open there until it has an answer. */
  async function ask(id: string | number, message: ServerMessage) {
    const request = readRequest(message, (item) => changes.get(item));
    if (!request) return;
    if (request.isForTerminal) {
      state = { ...state, attention: "Codex asks for what only its terminal takes. Answer there." };
      return;
    }
    const requestId = await createRequestId(thread.id, message);
    const call = recallRequest(paths, requestId, request.call);
    const decision = call && (await askPeople(id, { ...call, request_id: requestId }));
    if (decision) connection?.answer(id, request.toAnswer(decision));
  }

  /** Asks people, until somebody has answered elsewhere or the connection ends; then there is no decision. */
  async function askPeople(id: string | number, call: Parameters<HookReporter["ask"]>[2]) {
    const asking = new AbortController();
    pending.set(id, { id: call.request_id, asking });
    const decision = await reporter.ask(ticket, () => wanted.token, call, asking.signal);
    if (pending.get(id)?.asking !== asking) return undefined;
    pending.delete(id);
    return decision;
  }

  async function askForPlan({ id, text }: NonNullable<typeof plan>) {
    const requestId = await createRequestId(thread.id, { method: "plan", params: { itemId: id } });
    if (texts.has(requestId)) return;
    const call = { tool_name: "ExitPlanMode", tool_input: { plan: text }, request_id: requestId };
    const { behavior, message }: Partial<Decision> = (await askPeople(requestId, call)) ?? {};
    if (behavior === "allow") await startTurn(requestId, APPROVED_TEXT, false);
    else if (message) await startTurn(requestId, message, true);
  }

  return {
    /** Keeps a connection to the session for as long as the runner has it. */
    attend(record: SessionRecord, desired: Wanted) {
      wanted = desired;
      if (isAttended) return;
      isAttended = true;
      hasTextOfLaunch = false;
      void run(record.started_at);
    },
    /** Sends a text, once by its id. Throws without a connection. */
    sendText: (id: string, text: string) => startTurn(id, text, wanted.plans),
    /** Ends the turn, with the commands that it has left in the background. */
    async interrupt() {
      if (!connection) return;
      const threadId = thread.id;
      if (activeTurn !== undefined)
        await connection.call("turn/interrupt", { threadId, turnId: activeTurn }, z.unknown());
      await connection.call("thread/backgroundTerminals/clean", { threadId }, z.unknown());
    },
    isReady: () => connection !== undefined,
    read(record: SessionRecord, isLive: boolean): SessionState {
      const { attention, ...rest } = state;
      if (!isLive) return rest;
      const isLate = !connection && clock() - Date.parse(record.started_at) >= START_TIMEOUT_MS;
      const late = isLate ? `Codex cannot be reached: ${problem ?? "it has not started"}` : undefined;
      return omitUndefined({ ...rest, attention: attention ?? late });
    },
    forget() {
      isAttended = false;
    },
  };
}

const toPlan = ({ type, id, text }: Item) => (type === "plan" && text ? [{ id, text }] : []);

/** The id of the first text of a launch. */
const toLaunchId = ({ session_id, attempts }: SessionRecord) => `${session_id}.${attempts}`;
