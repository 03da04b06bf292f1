import { expect, test } from "vitest";
import { z } from "zod";
import { createHttpTestApp } from "../support/http-test-app.ts";

const auditSchema = z.object({ calls: z.array(z.object({ tool: z.string(), outcome: z.string() })) });

test("reliability 20: calls about another agent's task, a foreign project and a tool of the Concierge are refused, logged and audited", async () => {
  const app = await createHttpTestApp();
  const { plane } = app;
  const access = { by: app.getUser("Concierge"), members: [app.human] };
  const closed = plane.addProject({ name: "Closed", identifier: "SEC", ...access });
  app.addTask("Write it down", "Imhotep");
  app.addTask("Hidden", [], { labels: [plane.addLabel(closed, "agent:Thot")] }, closed);
  plane.addItem(closed, { name: "Nobody's" });
  await app.runFirstPoll();
  const requestsBefore = plane.ledger.requests.length;
  const calls: [string, Record<string, unknown>, string][] = [
    ["claim_task", { task: "ONB-1" }, "belongs to Imhotep"],
    ["update_task_status", { task: "ONB-1", status: "done", text: "Mine now." }, "belongs to Imhotep"],
    ["get_task_details", { task: "ONB-1" }, "belongs to Imhotep"],
    ["add_comment", { task: "ONB-1", text: "Hello." }, "belongs to Imhotep"],
    ["start_timer", { task: "ONB-1" }, "belongs to Imhotep"],
    ["report", { task: "ONB-1", percent: 100 }, "belongs to Imhotep"],
    ["ask_human", { task: "ONB-1", text: "May I?" }, "belongs to Imhotep"],
    ["upload_deliverable", { task: "ONB-1", name: "a.md", file: "YQ==" }, "belongs to Imhotep"],
    ["claim_task", { task: "SEC-2" }, "is not assigned to an agent"],
    ["add_comment", { task: "SEC-1", text: "Hello." }, "Plane does not allow"],
    ["create_task", { project: "ONB", title: "More" }, "for the Concierge"],
    ["create_project", { name: "Mine" }, "for the Concierge"],
    ["plan_project", { project: "ONB", tasks: [] }, "for the Concierge"],
    ["list_agents", {}, "for the Concierge"],
  ];
  for (const [tool, input, why] of calls) {
    const { status, json } = await app.callTool("Thot", tool, input);
    expect([tool, status, JSON.stringify(json)]).toEqual([tool, 403, expect.stringContaining(why)]);
  }
  await app.drain();
  const requests = plane.ledger.requests.slice(requestsBefore);
  expect(requests.filter(({ method, status }) => method !== "GET" && status < 300)).toEqual([]);

  expect((await app.callTool("Nobody", "list_my_tasks", {})).status).toBe(401);
  const audit = auditSchema.parse(await app.read("/audit?agent=Thot&limit=100"));
  expect(audit.calls.reverse()).toEqual(calls.map(([tool]) => ({ tool, outcome: "forbidden" })));
  const warned = app.logged.filter(({ message }) => message === "agent call");
  expect(warned.map(({ level, agent, tool, outcome }) => [level, agent, tool, outcome])).toEqual(
    calls.map(([tool]) => ["warn", "Thot", tool, "forbidden"]),
  );
});
