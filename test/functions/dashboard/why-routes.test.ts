import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { runCliHere } from "../../support/program.ts";
import { createWakeSetup } from "../wake/wake-setup.ts";

async function createWhySetup() {
  const setup = await createWakeSetup();
  const { app } = setup;
  const request = async (method: string, path: string, body?: object) => {
    const { status, json } = await app.call(path, body, method);
    if (status >= 400) throw new Error(`${path}: ${status} ${JSON.stringify(json)}`);
    return json;
  };
  const ask = (key: string) => request("GET", `/api/tasks/${key}/why`);
  return {
    ...setup,
    request,
    ask,
    /** Does what the remedy of a task says and returns the label, and the explanation afterwards. */
    async follow(key: string) {
      const { remedy } = await ask(key);
      if (!remedy) throw new Error(`${key} has no remedy`);
      const { method, path, body } = remedy.action;
      await request(method, path, body);
      await app.drain();
      return [remedy.label, (await ask(key)).text];
    },
  };
}

test("an idle task says what keeps it, and each remedy leads to the next sentence until its agent is woken", async () => {
  const { app, ask, follow, request, advanceSeconds, takeRuns } = await createWhySetup();
  app.addTask("Draw it", [], { state: "Backlog" });
  await app.poll();
  expect(await ask("ONB-1")).toEqual({
    ...{ key: "ONB-1", kind: "unassigned", text: "No agent is assigned to ONB-1." },
    remedy: {
      label: "Assign to Imhotep",
      action: { method: "POST", path: "/api/tasks/ONB-1/actions", body: { action: "assign", agent: "Imhotep" } },
    },
  });
  const { out } = await runCliHere(["why", "onb-1"], {
    env: { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN },
  });
  expect(out).toBe("No agent is assigned to ONB-1.\nOn the page: Assign to Imhotep\n");
  const french = await request("GET", "/api/tasks/ONB-1/why?language=fr");
  expect(french).toMatchObject({ text: "ONB-1 n’est attribuée à aucun agent." });
  expect(await follow("ONB-1")).toEqual(["Assign to Imhotep", "ONB-1 is in Backlog; agents start at Todo."]);
  expect(await follow("ONB-1")).toEqual(["Move to Todo", "Imhotep is being woken for ONB-1."]);
  await advanceSeconds(3);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
  expect((await ask("ONB-1")).text).toMatch(/^Imhotep was woken for ONB-1 \(.+\) and has not called yet\.$/);
});

test("dependencies, stops, marks and requests each have their sentence and remedy", async () => {
  const { app, ask, follow, request, call, advanceSeconds } = await createWhySetup();
  const [first, second] = [app.addTask("Draw it", "Imhotep"), app.addTask("Paint it", "Imhotep")];
  app.addTask("Hang it", "Imhotep", { state: "Todo" });
  app.plane.relate(second, first);
  await app.poll();
  await app.drain();
  await call("Imhotep", "claim_task", { task: "ONB-1" });
  await call("Imhotep", "report", { task: "ONB-1", percent: 40 });
  expect(await ask("ONB-2")).toMatchObject({
    ...{ kind: "blocked", text: "ONB-2 waits for ONB-1 (Imhotep, 40 %).", keys: ["ONB-1"] },
    remedy: { label: "Open ONB-1", action: { method: "GET", path: "/task/ONB-1" } },
  });
  await call("Imhotep", "ask_human", { task: "ONB-1", text: "Which colour?" });
  expect(await ask("ONB-1")).toMatchObject({ kind: "request", remedy: { label: "Answer" } });
  await request("POST", "/api/tasks/ONB-3/remarks", { text: "stop" });
  await app.drain();
  expect((await ask("ONB-3")).text).toMatch(/^admin stopped the work on ONB-3/);
  expect(await follow("ONB-3")).toEqual(["Let it continue", expect.not.stringContaining("stopped")]);
  await call("Imhotep", "claim_task", { task: "ONB-3" });
  await call("Imhotep", "update_task_status", { task: "ONB-3", status: "blocked", text: "No nails." });
  expect(await follow("ONB-3")).toEqual(["Unblock", expect.not.stringContaining("blocked")]);
  await advanceSeconds(3);
  const blocked = { key: "ONB-2", kind: "blocked", title: "Paint it" };
  const idle = { total: 2, tasks: [{ key: "ONB-3", title: "Hang it" }, blocked] };
  expect(await request("GET", "/api/idle-tasks?project=onb&language=en")).toMatchObject(idle);
});

test("idle tasks are filtered by agent and status, and the search finds closed tasks too", async () => {
  const { app, request } = await createWhySetup();
  app.addTask("Hang it", [], { state: "Backlog" });
  app.addTask("Draw it", "Imhotep", { state: "Backlog", priority: "urgent" });
  app.addTask("Paint it", "Imhotep", { state: "Done" });
  app.addTask("Sign it", [], { state: "In Progress", assignees: [app.human] });
  await app.poll();
  const list = async (query: string) => {
    const { total, tasks } = await request("GET", `/api/idle-tasks?language=en${query}`);
    return [total, ...tasks.map(({ key }: { key: string }) => key)];
  };
  // A person's own task is not idle.
  expect(await list("")).toEqual([2, "ONB-2", "ONB-1"]);
  expect(await list("&agent=Imhotep")).toEqual([1, "ONB-2"]);
  expect(await list("&agent=none")).toEqual([1, "ONB-1"]);
  expect(await list("&status=blocked")).toEqual([0]);
  const found = { key: "ONB-3", title: "Paint it", status: "done", agents: ["Imhotep"] };
  expect(await request("GET", "/api/tasks?text=paint%20onb&status=all")).toMatchObject({ total: 1, tasks: [found] });
  await expect(request("GET", "/api/tasks?status=lost")).rejects.toThrow("400");
});

test("the set-up list follows an installation from the first call to the first finished task", async () => {
  const env = { PLANE_WEBHOOK_SECRET: "secret-of-the-webhook" };
  const { app, call, finishTask } = await createWakeSetup("2026.9.6", {}, undefined, { env });
  type Setup = { ok: boolean; steps: { name: string; state: string; text: string }[] };
  const read = async (query = ""): Promise<Setup> => app.read(`/api/setup${query}`);
  const readStates = async () =>
    Object.fromEntries((await read()).steps.map(({ name, state, text }) => [name, `${state}: ${text}`]));
  expect(await readStates()).toEqual({
    plane: "ok: Plane answers.",
    key: "ok: Plane accepts Groundcrew's API key.",
    webhook: expect.stringMatching(/^open: No test edit was made in Plane/),
    telegram: "open: Telegram has not been used yet.",
    agent: "open: No agent has called yet.",
    task: "open: No task is done yet.",
  });
  await app.deps.notices.report("plane_refused", { values: { reason: "Given API token is not valid" } });
  const refused = "failed: Plane refuses Groundcrew's API key: Given API token is not valid";
  expect(await readStates()).toMatchObject({ key: refused });
  await app.deps.notices.report("plane_refused", undefined);
  app.addTask("Draw it", "Imhotep");
  await app.poll();
  await call("Imhotep", "list_my_tasks");
  await finishTask("Imhotep", "ONB-1");
  const { deps } = app;
  deps.health.recordSuccess("telegram");
  const address = [deps.settings.host, deps.settings.port, ""].join(" ");
  const lastArrival = { nonce: "n", at: app.time.now, address, durationMs: 9 };
  await deps.store.commit({ put: [{ key: "canary", value: { project: "p", item: "i", comment: "c", lastArrival } }] });
  expect(await readStates()).toMatchObject({
    agent: "ok: Agents are connected: Imhotep has called.",
    task: "ok: A first task is done.",
  });
  const steps = [{ text: "Plane répond." }, {}, {}, {}, {}, {}];
  expect(await read("?language=fr")).toMatchObject({ ok: true, steps });
});
