import { expect, test } from "vitest";
import { HOUR } from "../../../shared/time.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

const PLAN = "# Plan\n1. edit a.txt\n2. commit\n";
const toOutput = (decision: object) => ({ hookSpecificOutput: { hookEventName: "PermissionRequest", decision } });
const APPROVAL = toOutput({
  ...{ behavior: "allow", updatedInput: { plan: PLAN } },
  updatedPermissions: [{ type: "setMode", mode: "default", destination: "session" }],
});
const toDenial = (message: string) => toOutput({ behavior: "deny", message });

/** ONB-1, whose session plans first: by its repository, or by a label of its work item. */
async function createPlanningApp(label?: string) {
  const repository = label === undefined ? { path: "/srv/onb", plan_first: true } : "/srv/onb";
  const app = await createTicketsApp({ repositories: { ONB: repository } });
  const labels = label === undefined ? [] : [app.plane.addLabel(app.onb, label).id];
  await app.requestTicket("Write it down", { labels });
  const token = await app.runSession();
  const hook = (event: string, fields: object) =>
    app.hook(token, { hook_event_name: event, permission_mode: "plan", ...fields });
  /** Claude Code shows a plan, and a person does this while it waits; resolves with what it is answered. */
  const showPlan = (act: () => unknown = () => {}, tool_input: object = { plan: PLAN }) => {
    const shown = { tool_name: "ExitPlanMode", tool_input };
    return app.holdHook(token, { hook_event_name: "PermissionRequest", permission_mode: "plan", ...shown }, act);
  };
  return { app, hook, showPlan, readSession: app.readSession };
}

test("TICKET-04 A plan is a request, whole; approved it goes on in the same conversation with exactly what was shown", async () => {
  const { app, hook, showPlan, readSession } = await createPlanningApp();
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ plans: true }]);
  const seen: object[] = [];
  const approve = async () => {
    seen.push(...(await app.readRequests()), await readSession(), await app.decide("approve"));
  };
  const answer = await showPlan(approve, { plan: PLAN.replace("edit", "edit\u202e") });
  expect(seen).toMatchObject([
    { kind: "plan", text: PLAN, answers: ["approve", "send_back", "reject"], from: "Claude Code" },
    { state: "waiting", plan: "open", questions: [{ kind: "plan", text: PLAN }] },
    { status: 200 },
  ]);
  expect(answer.json).toEqual(APPROVAL);
  await hook("PostToolUse", { tool_name: "ExitPlanMode", tool_input: {} });
  expect(await readSession()).toMatchObject({ state: "running", plan: "approved", questions: [] });
  expect((await app.exchange([createSession()])).sessions).toMatchObject([{ plans: false }]);
});

test("TICKET-04 A plan is sent back with a person's words as often as needed, and rejected it ends the ticket", async () => {
  const { app, showPlan, readSession } = await createPlanningApp();
  const words = `Use b.txt\n${"x".repeat(9_000)}`;
  const sendBack = async () => {
    expect((await app.decide("send_back")).status).toBe(400);
    expect((await app.decide("send_back", { comment: words })).status).toBe(200);
  };
  expect((await showPlan(sendBack)).json).toEqual(toDenial(words));
  expect(await readSession()).toMatchObject({ state: "running", plan: "open" });
  expect((await showPlan(() => app.decide("reject"))).status).toBe(204);
  expect((await app.exchange([createSession()])).stop).toMatchObject([{ ticket: "ONB-1", reason: "cancelled" }]);
});

test("TICKET-04 Without an approved plan nothing is completed; a plan that is not written is asked for", async () => {
  const { app, hook, showPlan, readSession } = await createPlanningApp("Plan-First");
  const missing = "There is no plan. Write it to the plan file, then call ExitPlanMode again.";
  expect((await showPlan(undefined, {})).json).toEqual(toDenial(missing));
  const command = { command_name: "complete", command_args: "All is done" };
  expect((await hook("UserPromptExpansion", command)).json).toEqual({
    decision: "block",
    reason: "The plan has not been approved yet: approve it first",
  });
  await app.exchange([createSession({ completion: { summary: "All is done", source: "file" } })]);
  expect(await readSession()).toMatchObject({ state: "running", plan: "open" });
});

test("TICKET-04 A plan waits as long as it takes: beyond the session's time, and after its hook, when the answer is typed", async () => {
  const { app, hook, showPlan, readSession } = await createPlanningApp();
  const { ends_at: before } = await readSession();
  // Nobody answers while the hook is held.
  expect((await showPlan()).status).toBe(204);
  app.advance(3 * HOUR);
  await app.tick();
  const message = "Claude Code needs your approval for the plan";
  await hook("Notification", { notification_type: "permission_prompt", message });
  expect(await readSession()).toMatchObject({ state: "waiting", questions: [{ kind: "plan" }] });
  await app.decide("approve");
  const [session] = (await app.exchange([createSession()])).sessions;
  expect(session).toMatchObject({ inputs: [{ kind: "keys", text: "2" }], plans: false });
  const { ends_at: after } = await readSession();
  expect(Date.parse(after) - Date.parse(before)).toBeGreaterThanOrEqual(3 * HOUR);
});
