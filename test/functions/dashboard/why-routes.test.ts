import { expect, test } from "vitest";
import { z } from "zod";
import { runCliHere } from "../../runtime/cli/cli-process.ts";
import { HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";
import { createWakeSetup } from "../wake/wake-setup.ts";

const whySchema = z.object({
  key: z.string(),
  kind: z.string(),
  text: z.string(),
  keys: z.array(z.string()).optional(),
  remedy: z
    .object({
      label: z.string(),
      action: z.object({ method: z.string(), path: z.string(), body: z.record(z.string(), z.string()).optional() }),
    })
    .optional(),
});

const idleSchema = z.object({ total: z.number(), tasks: z.array(whySchema.extend({ title: z.string() })) });

async function createWhySetup(options: Parameters<typeof createWakeSetup>[3] = {}) {
  const setup = await createWakeSetup("2026.9.6", {}, undefined, options);
  const { app } = setup;
  const request = async (method: string, path: string, body?: object) => {
    const init = { method, ...(body && { body: JSON.stringify(body) }) };
    const response = await app.request(path, HTTP_ADMIN_TOKEN, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  const ask = async (key: string) => whySchema.parse(await request("GET", `/api/tasks/${key}/why`));
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
  const env = { GROUNDCREW_URL: app.url, ADMIN_TOKEN: HTTP_ADMIN_TOKEN };
  const { out } = await runCliHere(["why", "onb-1"], { env });
  expect(out).toBe("No agent is assigned to ONB-1.\nOn the page: Assign to Imhotep\n");
  const french = await request("GET", "/api/tasks/ONB-1/why?language=fr");
  expect(french).toMatchObject({ text: "ONB-1 n’est attribuée à aucun agent." });
  expect(await follow("ONB-1")).toEqual(["Assign to Imhotep", "ONB-1 is in Backlog; agents start at Todo."]);
  expect(await follow("ONB-1")).toEqual(["Move to Todo", "Imhotep is being woken for ONB-1."]);
  await advanceSeconds(3);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
  expect((await ask("ONB-1")).text).toMatch(/^Imhotep was woken for ONB-1 \(.+\) and has not called yet\.$/);
});

test("a task that existed before and belongs to nobody says so, and not that its dependencies are being read", async () => {
  const { ask, follow } = await createWhySetup({
    beforeFirstPoll: (app) => void app.addTask("Draw it", [], { state: "Backlog" }),
  });
  expect(await ask("ONB-1")).toMatchObject({ kind: "unassigned", text: "No agent is assigned to ONB-1." });
  expect(await follow("ONB-1")).toEqual(["Assign to Imhotep", "ONB-1 is in Backlog; agents start at Todo."]);
});

test("a person's own task says whose it is, and is not among the idle ones", async () => {
  const { app, ask, follow, request } = await createWhySetup();
  app.addTask("Sign it", [], { state: "In Progress", assignees: [app.human] });
  app.addTask("Draw it", []);
  await app.poll();
  expect(await ask("ONB-1")).toMatchObject({ kind: "with_person", text: "ONB-1 is with ada, not with an agent." });
  expect(await request("GET", "/api/idle-tasks")).toMatchObject({ total: 1, tasks: [{ key: "ONB-2" }] });
  expect(await follow("ONB-1")).toEqual(["Assign to Imhotep", "Imhotep is being woken for ONB-1."]);
});

test("an agent that was woken in vain can be woken again, and the sentence says what it does instead", async () => {
  const { app, ask, follow, advanceSeconds, takeRuns, call } = await createWhySetup();
  app.addTask("Draw it", "Imhotep");
  await app.poll();
  await advanceSeconds(310);
  expect((await ask("ONB-1")).text).toMatch(/^Imhotep was woken 2 times for ONB-1, last at .+, and did not call\.$/);
  takeRuns();
  expect(await follow("ONB-1")).toEqual(["Wake again", "Imhotep is being woken for ONB-1."]);
  await advanceSeconds(3);
  expect(takeRuns()).toEqual(["imhotep: ONB-1"]);
  await call("Imhotep", "list_my_tasks");
  await app.drain();
  expect((await ask("ONB-1")).text).toMatch(
    /^Imhotep has called since it was woken for ONB-1 \(last at .+\), but has not/,
  );
  app.addTask("Paint it", "Imhotep");
  await app.poll();
  await call("Imhotep", "claim_task", { task: "ONB-2" });
  await call("Imhotep", "report", { task: "ONB-2", percent: 60 });
  expect(await ask("ONB-1")).toMatchObject({ kind: "busy", text: "Imhotep works on ONB-2 first." });
  expect((await ask("ONB-2")).text).toMatch(/^Imhotep has worked on ONB-2 since .+, 60 %\.$/);
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
  const { total, tasks } = idleSchema.parse(await request("GET", "/api/idle-tasks?project=onb&language=en"));
  expect([total, tasks.map(({ key, kind, title }) => [key, kind, title])]).toEqual([
    ...[
      2,
      [
        ["ONB-3", expect.any(String), "Hang it"],
        ["ONB-2", "blocked", "Paint it"],
      ],
    ],
  ]);
});

test("idle tasks are filtered by agent and status, of any number, and the search finds closed tasks too", async () => {
  const { app, request, advanceSeconds } = await createWhySetup();
  for (let i = 0; i < 230; i += 1) app.addTask(`Task ${i}`, [], { state: "Backlog" });
  await app.poll();
  // The activity lists the 200 newest rows, and those of one moment have no order.
  await advanceSeconds(60);
  app.addTask("Draw the last one", "Imhotep", { state: "Backlog", priority: "urgent" });
  app.addTask("Paint it", "Imhotep", { state: "Done" });
  await app.poll();
  const list = async (query: string) => {
    const { total, tasks } = idleSchema.parse(await request("GET", `/api/idle-tasks?language=en${query}`));
    return [total, tasks.length, tasks[0]?.key];
  };
  expect(await list("")).toEqual([231, 200, "ONB-231"]);
  expect(await list("&agent=Imhotep")).toEqual([1, 1, "ONB-231"]);
  expect((await list("&agent=none"))[0]).toBe(230);
  expect((await list("&status=blocked"))[0]).toBe(0);
  expect(await request("GET", "/api/tasks?text=paint%20onb&status=all")).toMatchObject({
    ...{ total: 1, tasks: [{ key: "ONB-232", title: "Paint it", status: "done", agents: ["Imhotep"] }] },
  });
  expect(await request("GET", "/api/tasks?text=onb-231")).toMatchObject({ tasks: [{ title: "Draw the last one" }] });
  await expect(request("GET", "/api/tasks?status=lost")).rejects.toThrow("400");
  // The activity says of each open task why nothing happens with it, at its newest row.
  const { rows } = z
    .object({
      rows: z.array(
        z.looseObject({ item: z.looseObject({ key: z.string() }), now: whySchema.omit({ key: true }).optional() }),
      ),
    })
    .parse(await request("GET", "/api/why?limit=200&language=en"));
  const said = rows.filter(({ now }) => now).map(({ item }) => item.key);
  expect(said).toEqual([...new Set(said)]);
  expect(rows.find(({ item }) => item.key === "ONB-231")?.now?.text).toBe(
    "ONB-231 is in Backlog; agents start at Todo.",
  );
  expect(rows.find(({ item }) => item.key === "ONB-232")?.now).toBeUndefined();
});
