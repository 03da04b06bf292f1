import type { Ms } from "../../shared/time.ts";
import { editDraft, type KeyAction } from "./keyboard.ts";
import type { SessionExit, SessionReport } from "./messages.ts";
import { type RunProgress, recordWork } from "./run-progress.ts";
import type { SessionHooks } from "./session-hooks.ts";
import type { SessionScript, SessionStep } from "./session-script.ts";
import { createTerminalScreen } from "./terminal-screen.ts";
import type { SimulatedWorktree } from "./worktree.ts";

const START_MS: Ms = 500;
/** Time between two lines of output. */
const LINE_MS: Ms = 200;
const DENIED_STEPS: readonly SessionStep[] = [{ do: "print", text: "  ⎿  User denied this command" }];
const REPLY: SessionStep = { do: "print", text: "● Understood." };

interface SessionOptions {
  script: Pick<SessionScript, "startMs" | "startDialog">;
  progress: RunProgress;
  worktree: SimulatedWorktree;
  hooks: SessionHooks;
  clock: () => Ms;
}

/**
 * What a session waits for. `dialog`: a key at its start; `permission`: a decision; `person`: an answer; `hook`: the answer
 * of Groundcrew; `prompt`: anything, after the end of a turn.
 */
type Hold = "dialog" | "permission" | "person" | "hook" | "prompt";

export type SimulatedSession = ReturnType<typeof createSimulatedSession>;

/** Creates a session that plays its script whenever its time is advanced. */
export function createSimulatedSession({ script, progress, worktree, hooks, clock }: SessionOptions) {
  const screen = createTerminalScreen();
  const startedAt = clock();
  const typedLines: string[] = [];
  let state: SessionReport["state"] = "starting";
  let nextAt = startedAt + (script.startMs ?? START_MS);
  let hold: Hold | undefined;
  let exit: SessionExit | undefined;
  let lastOutputAt = startedAt;
  let lastLine = "";
  let waitingHook = new AbortController();

  if (script.startDialog !== undefined) {
    hold = "dialog";
    print(script.startDialog);
  }

  function print(text: string) {
    screen.print(text);
    lastOutputAt = clock();
    lastLine = text.trim() === "" ? lastLine : text;
  }

  function continueScript() {
    hold = undefined;
    nextAt = Math.max(nextAt, clock());
  }

  function end(result: SessionExit) {
    state = "ended";
    exit = result;
    waitingHook.abort();
  }

  /** Ends a session as its program does by itself. */
  function endByItself(status: number, reason: string) {
    hooks.report({ hook_event_name: "SessionEnd", reason });
    end({ reason: "exited", status });
  }

  function perform(step: SessionStep) {
    // A step that waits for somebody is left in the script until then, so that a session that is resumed asks again.
    if (step.do !== "ask_permission" && step.do !== "ask_person") progress.steps.shift();
    switch (step.do) {
      case "print": {
        const [line = "", ...others] = step.text.split("\n");
        print(line);
        if (others.length > 0) progress.steps.unshift({ ...step, text: others.join("\n") });
        nextAt += step.ms ?? LINE_MS;
        return;
      }
      case "wait":
        nextAt += step.ms;
        return;
      case "ask_permission":
        return askPermission(step);
      case "ask_person":
        return askPerson(step.text);
      case "complete":
        return complete(step.summary);
      case "exit":
        return endByItself(step.status, "other");
      case "crash":
        return end({ reason: "killed", signal: "SIGKILL" });
      default:
        return recordWork(step, progress, worktree);
    }
  }

  function askPermission({ tool, input }: Extract<SessionStep, { do: "ask_permission" }>) {
    hold = "permission";
    print(`● ${tool}(${Object.values(input).join(", ")})`);
    print("Do you want to proceed?\n❯ 1. Yes\n  2. No (Esc)");
    const asked = new AbortController();
    waitingHook = asked;
    const request = { hook_event_name: "PermissionRequest", tool_name: tool, tool_input: input };
    void hooks.ask(request, asked.signal).then((answer) => {
      const { behavior } = answer?.hookSpecificOutput?.decision ?? {};
      // Without an answer the dialog in the terminal decides.
      if (behavior !== undefined && !asked.signal.aborted) decidePermission(behavior === "allow");
    });
  }

  function decidePermission(isAllowed: boolean) {
    const [step] = progress.steps;
    if (hold !== "permission" || step?.do !== "ask_permission") return;
    waitingHook.abort();
    print(isAllowed ? "❯ Yes" : "❯ No");
    progress.steps.splice(0, 1, ...(isAllowed ? (step.allowed ?? []) : (step.denied ?? DENIED_STEPS)));
    if (isAllowed) hooks.report({ hook_event_name: "PostToolUse", tool_name: step.tool, tool_input: step.input });
    continueScript();
  }

  function askPerson(text: string) {
    print(`● ${text}`);
    hold = "person";
    hooks.report({ hook_event_name: "Stop", last_assistant_message: text });
    submitTypedLine();
  }

  function endTurn() {
    hold = "prompt";
    hooks.report({ hook_event_name: "Stop", last_assistant_message: lastLine });
    submitTypedLine();
  }

  /** What was typed during a turn is read at its end. */
  function submitTypedLine() {
    const line = typedLines.shift();
    if (line !== undefined) submitLine(line);
  }

  function complete(summary: string) {
    hold = "hook";
    print(`❯ /complete ${summary}`);
    const fields = { hook_event_name: "UserPromptExpansion", command_name: "complete", command_args: summary };
    void hooks.ask(fields).then((answer) => {
      if (state === "ended") return;
      if (answer?.reason === undefined) progress.completion = { summary, source: "file" };
      print(`  ⎿  ${answer?.reason ?? "I wrote the summary to the completion file."}`);
      continueScript();
      // A command that a hook answers is no turn.
      if (progress.steps.length === 0) hold = "prompt";
    });
  }

  function submitLine(line: string) {
    if (line === "/exit") return endByItself(0, "prompt_input_exit");
    const [, summary] = /^\/complete ?(.*)$/s.exec(line) ?? [];
    if (summary !== undefined) return complete(summary);
    if (hold !== "person" && hold !== "prompt") {
      typedLines.push(line);
      return;
    }
    print(`❯ ${line}`);
    hooks.report({ hook_event_name: "UserPromptSubmit", prompt: line });
    if (hold === "person") progress.steps.shift();
    else progress.steps.unshift(REPLY);
    continueScript();
  }

  function pressKey(key: string) {
    if (hold === "dialog") continueScript();
    else if (hold === "permission") decideByKey(key);
    else if (key === "Escape") interrupt();
    else if (key === "Enter") submitDraft();
    else screen.setDraft(editDraft(screen.draft, key));
  }

  function decideByKey(key: string) {
    const choice = { "1": true, Enter: true, "2": false, Escape: false }[key];
    if (choice !== undefined) decidePermission(choice);
  }

  function interrupt() {
    screen.setDraft("");
    if (hold !== undefined) return;
    print("  ⎿  Interrupted");
    hold = "prompt";
  }

  function submitDraft(text = "") {
    const line = screen.draft + text;
    screen.setDraft("");
    if (line !== "") submitLine(line);
  }

  return {
    startedAt,
    get state() {
      return state;
    },
    /** Plays what is due. */
    advance() {
      while (state !== "ended" && hold === undefined && clock() >= nextAt) {
        if (state === "starting") {
          state = "running";
          print("✻ Welcome to Claude Code (simulated)");
        }
        const [step] = progress.steps;
        if (step) perform(step);
        else endTurn();
      }
    },
    /** Does what a person does at the keyboard. */
    type(action: KeyAction) {
      if (state === "ended") return;
      if (action.kind === "key") pressKey(action.name);
      else if (hold === "dialog") continueScript();
      else submitDraft(action.text);
    },
    /** Ends the session from outside: kindly by `/exit`, or by closing its terminal. */
    stop(how: "kindly" | "now", text: string) {
      if (state === "ended") return;
      if (how === "kindly") print("❯ /exit");
      end(how === "kindly" ? { reason: "exited", status: 0, text } : { reason: "killed", text });
    },
    failStart: (text: string) => end({ reason: "start_failed", text }),
    /** The session is gone without a trace, as after a restart of its machine. */
    vanish: () => end({ reason: "vanished" }),
    getPicture: () => screen.getPicture(),
    getReport: () => ({
      state,
      started_at: new Date(startedAt).toISOString(),
      last_output_at: new Date(lastOutputAt).toISOString(),
      last_progress_at: new Date(lastOutputAt).toISOString(),
      screen: screen.getText(),
      ...(exit ? { exit } : {}),
      ...(hold === "dialog" ? { attention: "Claude asks at its start. Answer in the terminal." } : {}),
    }),
  };
}
