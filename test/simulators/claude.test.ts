import { readFileSync } from "node:fs";
import { describe, test, vi } from "vitest";
import { findStartDialog } from "../../runtime/runner/claude/claude-driver.ts";
import { runStandIn, startStandIn } from "./claude-rig.ts";

vi.setConfig({ testTimeout: 60_000 });

const read = (name: string) => JSON.parse(readFileSync(`test/fixtures/claude/${name}.json`, "utf8"));
/** Recorded sessions of Claude Code: the first ones, and what a later version adds. */
const samples = read("samples");
const recorded = read("recorded-2.1.330");
const hooks: Record<string, Record<string, unknown>> = { ...samples.hooks, ...recorded.hooks };
const screens: Record<string, string> = recorded.screens;

const COMPLETE = '/complete all "good" $(id) `x`';
const DECISION = samples.hook_replies.PermissionRequest.hookSpecificOutput;
const decide = (behavior: string) => ({ hookSpecificOutput: { ...DECISION, decision: { behavior, message: "…" } } });

/** The names of fields and the types of their values, at every depth. */
function getShape(value: unknown): unknown {
  if (Array.isArray(value)) return "array";
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, getShape(field)]));
}

/** The shape of a hook, without the input of the tool, which the model chooses. */
function getHookShape({ _note, ...hook }: Record<string, unknown>) {
  return getShape(hook);
}

/** On a busy machine, the shortened delay of a notification may end before the answer comes. */
const isNoNotice = (event: string) => event !== "Notification";

describe("The stand-in for Claude Code, compared with recorded sessions", () => {
  test.concurrent("sends the recorded fields in the recorded order when a tool is allowed in its dialog", async (c) => {
    const claude = await startStandIn(c, ["permission true"], (server) => server.heldHooks.add("PermissionRequest"));
    await claude.waitForEvent("Notification");
    for (const text of recorded.screens.dialog) c.expect(claude.getScreen()).toContain(text);
    c.expect(claude.getScreen()).toContain(samples.pane_texts.permission.split("❯")[0].trim());
    claude.press("1");
    await claude.waitForEvent("Stop");
    const order = recorded.orders.permission_allowed_in_dialog;
    await claude.waitFor(() => claude.getEvents().length).toBe(order.length + 1);
    // The dialog's notice is sent beside the held hook, so on a busy machine either can arrive first.
    c.expect(claude.getEvents().filter(isNoNotice)).toEqual(order.filter(isNoNotice));
    c.expect(claude.getEvents().indexOf("Notification")).toBeLessThan(order.indexOf("PostToolUse"));
    for (const hook of claude.getHooks()) {
      const { hook_event_name: event, notification_type: type } = hook as Record<string, unknown>;
      const name = type === undefined ? String(event) : `${event}:${type}`;
      c.expect(getHookShape(hook), name).toEqual(getHookShape(hooks[name] ?? {}));
    }
    c.expect(claude.getHooks().at(-1)).toMatchObject({
      notification_type: "idle_prompt",
      message: hooks["Notification:idle_prompt"]?.["message"],
    });
    c.expect(Object.keys(claude.readSessionStart() ?? {})).toEqual(
      c.expect.arrayContaining(["session_id", "transcript_path", "cwd", "hook_event_name", "source", "model"]),
    );
  });

  test.concurrent("ends the turn without a hook when a tool is denied in its dialog", async (c) => {
    const claude = await startStandIn(c, ["permission touch hacked", "run true"]);
    await claude.waitForEvent("Notification");
    claude.press("\u001b");
    await claude.waitFor(claude.getScreen).toContain(screens["denied_in_dialog"]);
    await claude.type("/exit");
    c.expect(await claude.waitForEnd()).toBe(0);
    const order = [...recorded.orders.permission_denied_in_dialog, "SessionEnd"];
    c.expect(claude.getEvents().filter(isNoNotice)).toEqual(order.filter(isNoNotice));
    const { type, message } = recorded.interruption;
    // Claude stores the cost of the conversation at its end.
    c.expect(claude.readTranscript().at(-2)).toMatchObject({ type, message });
  });

  test.concurrent.for(["allow", "deny"])("takes the recorded reply %s of the hook", async (behavior, c) => {
    const claude = await startStandIn(c, ["permission true"], (server) =>
      server.answerHook.set("PermissionRequest", decide(behavior)),
    );
    await claude.waitForEvent("Stop");
    const order = behavior === "allow" ? "permission_allowed_by_hook" : "permission_denied_by_hook";
    c.expect(claude.getEvents().filter(isNoNotice)).toEqual(recorded.orders[order]);
    c.expect(claude.getScreen().includes(screens["denied_by_hook"] ?? "")).toBe(behavior === "deny");
  });

  test.concurrent("reports a failed tool, and an API error in place of the end of the turn", async (c) => {
    const claude = await startStandIn(c, ["run exit 3", "api-error"]);
    await claude.waitForEvent("StopFailure");
    c.expect(claude.getEvents()).toEqual([...recorded.orders.failed_tool.slice(0, -1), "StopFailure"]);
    const [, failure = {}, error = {}] = claude.getHooks();
    c.expect(getShape(failure)).toEqual(getShape(hooks["PostToolUseFailure"]));
    c.expect(failure["error"]).toBe(hooks["PostToolUseFailure"]?.["error"]);
    c.expect(Object.keys(error)).toEqual(c.expect.arrayContaining(Object.keys(hooks["StopFailure"] ?? {})));
  });

  test.concurrent("expands /complete for its hook and ends it by the recorded reply", async (c) => {
    const claude = await startStandIn(c, [], (server) =>
      server.answerHook.set("UserPromptExpansion", samples.hook_replies["UserPromptExpansion/UserPromptSubmit block"]),
    );
    await claude.waitForEvent("Stop");
    await claude.type(COMPLETE);
    await claude.waitFor(claude.getScreen).toContain(screens["blocked_by_hook"]);
    c.expect(claude.getEvents().filter(isNoNotice).slice(2)).toEqual(recorded.orders.slash_complete);
    const expansion = claude.getHooks().at(-1) ?? {};
    c.expect(getShape(expansion)).toEqual(getShape(hooks["UserPromptExpansion"]));
    for (const name of ["command_args", "command_name", "command_source", "expansion_type", "prompt"])
      c.expect(expansion[name]).toBe(hooks["UserPromptExpansion"]?.[name]);
  });

  test.concurrent("gives its status line the recorded fields, and the cost of its requests", async (c) => {
    const claude = await startStandIn(c, ["run true", "run true"]);
    await claude.waitForEvent("Stop");
    const { prompt_cache: sampleCache, ...sample } = samples.statusline_stdin;
    const { prompt_cache: cache, ...status } = claude.readStatus() ?? {};
    c.expect(getShape(status)).toEqual(getShape(sample));
    c.expect(getShape(cache)).toEqual(getShape(sampleCache));
    // Three requests to the model, as in the recorded session.
    c.expect(status["cost"]).toMatchObject({ total_cost_usd: c.expect.closeTo(sample.cost.total_cost_usd, 8) });
    c.expect(status["context_window"]).toEqual(sample.context_window);
  });

  test.concurrent.for([
    ["/exit", undefined],
    ["Ctrl-C twice", "\u0003\u0003"],
    ["Ctrl-D twice", "\u0004\u0004"],
  ] as const)("ends by %s with status 0", async ([, keys], c) => {
    const claude = await startStandIn(c);
    await claude.waitForEvent("Stop");
    if (keys === undefined) await claude.type("/exit");
    else claude.press(keys);
    c.expect(await claude.waitForEnd()).toBe(0);
    const end = claude.getHooks().at(-1) ?? {};
    c.expect(samples.session_end["/exit, Ctrl-C x2, Ctrl-D x2"]).toContain(`SessionEnd ${end["reason"]}`);
    c.expect(getShape(end)).toEqual(getShape(hooks["SessionEnd:prompt_input_exit"]));
    c.expect(claude.getScreen()).toContain(screens["after_exit"]);
  });

  test.concurrent.for([
    ["SIGHUP", "kill-pane/kill-session/SIGHUP"],
    ["SIGTERM", "SIGTERM"],
    ["SIGINT", "SIGINT"],
  ] as const)("ends by %s with the recorded status", async ([signal, name], c) => {
    const claude = await startStandIn(c);
    await claude.waitForEvent("Stop");
    claude.kill(signal);
    const status = await claude.waitForEnd();
    const [reason, expected] = samples.session_end[name];
    c.expect([`SessionEnd ${claude.getHooks().at(-1)?.["reason"]}`, status]).toEqual([
      reason,
      Number.parseInt(expected, 10),
    ]);
  });

  test.concurrent("says nothing at kill -9, and goes on with another session id after /clear", async (c) => {
    const claude = await startStandIn(c);
    await claude.waitForEvent("Stop");
    const first = claude.readSessionStart()?.["session_id"];
    await claude.type("/clear");
    await claude.waitFor(() => claude.readSessionStart()).toMatchObject({ source: "clear" });
    c.expect(getShape(claude.getHooks().at(-1))).toEqual(getShape(hooks["SessionEnd:clear"]));
    c.expect(claude.readSessionStart()?.["session_id"]).not.toBe(first);
    const before = claude.getEvents().filter(isNoNotice);
    claude.kill("SIGKILL");
    c.expect(await claude.waitForEnd()).toBe(null);
    c.expect(claude.getEvents().filter(isNoNotice)).toEqual(before);
    c.expect(samples.session_end["kill -9"]).toContain("no hook");
  });

  test.concurrent("stops at its trust dialog with the recorded text", async (c) => {
    const claude = await startStandIn(c, ["trust-dialog"]);
    for (const text of samples.pane_texts.trust.split(/ … | \/ /))
      await claude.waitFor(claude.getScreen).toContain(text);
    claude.press("\r");
    c.expect(await claude.waitForEnd()).toBe(1);
    c.expect(claude.getEvents()).toEqual([]);
  });

  test.concurrent("refuses wrong arguments with the recorded messages and statuses", async (c) => {
    for (const { args, status, stderr } of recorded.arguments)
      c.expect(await runStandIn(args, c.onTestFinished)).toMatchObject({
        exit: status,
        err: c.expect.stringContaining(stderr),
      });
    const codes = samples.headless_exit_codes;
    c.expect([codes.bad_flag_or_choice, codes.resume_missing]).toEqual([1, 1]);
  });
});

test("The runner recognizes the recorded dialogs at the start", ({ expect }) => {
  for (const name of ["trust", "api_key", "bypass", "mcp", "add_dir", "offline_first_run"])
    expect(findStartDialog(samples.pane_texts[name]), name).toEqual(expect.any(String));
  expect(findStartDialog(samples.pane_texts.permission)).toBeUndefined();
});
