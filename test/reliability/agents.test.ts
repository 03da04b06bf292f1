import { describe, expect, test } from "vitest";
import { z } from "zod";
import { activitiesApi } from "../../shared/plane/work-items.ts";
import { MINUTE } from "../../shared/time.ts";
import {
  type AgentClient,
  type CallResult,
  createCliClient,
  createFetchClient,
  createMcpClient,
} from "./agent-clients.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { startRuntimeWithAgents, toAgentToken } from "./runtime-with-agents.ts";

const CLIENTS = [
  { by: "the MCP SDK's client", agent: "Imhotep", open: createMcpClient },
  { by: "plain fetch", agent: "Thot", open: createFetchClient },
  { by: "the command line", agent: "Ptah", open: createCliClient },
  { by: "plain fetch, without a Plane key of its own", agent: "Horus", open: createFetchClient },
] as const;

function getAnswer(result: CallResult): unknown {
  if ("refused" in result) throw new Error(result.refused);
  return result.answer;
}

const taskListSchema = z.object({ tasks: z.array(z.object({ key: z.string(), title: z.string() })) });

/** Works a task from todo to done as an agent does: with a deliverable, a timer and one refused call. */
async function completeTask(client: AgentClient, meanwhile: () => void): Promise<unknown> {
  const [task] = taskListSchema.parse(getAnswer(await client.call("list_my_tasks", {}))).tasks;
  if (!task) throw new Error("no task is listed");
  const { key } = task;
  getAnswer(await client.call("claim_task", { task: key }));
  getAnswer(
    await client.call("update_task_status", {
      task: key,
      status: "in_progress",
      session: "openclaw-session-3f1c2b7e-0d4a-4c55-9e61-2a7b8c9d0e1f",
    }),
  );
  getAnswer(await client.call("start_timer", { task: key }));
  getAnswer(await client.call("report", { task: key, percent: 50, cost: 0.4 }));
  meanwhile();
  expect(await client.call("update_task_status", { task: key, status: "done" })).toEqual({
    refused: expect.stringMatching(/no deliverable report\.md.*no summary/s),
  });
  getAnswer(await client.upload({ task: key, name: "report.md", text: "The **report**." }, "# Report\n"));
  getAnswer(await client.call("add_comment", { task: key, text: "Half of it was there already." }));
  getAnswer(await client.call("stop_timer", { task: key }));
  const closing = { task: key, status: "done", text: "Written and read twice.", confidence: 0.9, cost: 0.75 };
  expect(getAnswer(await client.call("update_task_status", closing))).toMatchObject({ task: key, status: "done" });
  return getAnswer(await client.call("get_task_details", { task: key }));
}

describe.each(IS_FULL_RUN ? (["1.3.1", "1.2.2"] as const) : (["1.3.1"] as const))("Plane %s", (version) => {
  test("the MCP SDK's client, fetch and the command line each complete a task as their agents", async () => {
    const agents = ["Concierge", ...CLIENTS.map(({ agent }) => agent)];
    const bridge = await startRuntimeWithAgents({ version, agents, keyless: ["Horus"] });
    const { plane } = bridge;
    const items = CLIENTS.map(({ agent }) =>
      bridge.addTask(`Write ${agent}'s report`, agent, {
        state: "Todo",
        description_html: "<p>All of it.</p><p>Done when:</p><ul><li>file report.md</li></ul>",
      }),
    );
    const { url, deps } = await bridge.startRuntimeAndPoll();
    const details = await Promise.all(
      CLIENTS.map(async ({ agent, open }) =>
        completeTask(await open(url, toAgentToken(agent)), () => bridge.advance(2 * MINUTE)),
      ),
    );
    bridge.advance(MINUTE);
    await deps.drain();

    for (const [i, { by, agent }] of CLIENTS.entries()) {
      const item = items[i];
      if (!item) throw new Error("no item");
      expect(details[i], by).toMatchObject({
        title: `Write ${agent}'s report`,
        status: "done",
        agent: {
          name: agent,
          session: "openclaw-session-3f1c2b7e-0d4a-4c55-9e61-2a7b8c9d0e1f",
          confidence: 0.9,
          cost: 0.75,
        },
        attachments: { latest: [{ name: "report.md", size: 9 }] },
        time: { latest: [{ agent, to: expect.any(String) }], totals_s: { [agent]: expect.any(Number) } },
      });
      const { totals_s } = z
        .object({ time: z.object({ totals_s: z.record(z.string(), z.number()) }) })
        .parse(details[i]).time;
      expect(totals_s[agent], by).toBeGreaterThanOrEqual(120);

      // Plane's own records name the author of each change.
      const author = agent === "Horus" ? "Concierge" : agent;
      const params = { project: item.project, item: item.id };
      const { data: history } = await deps.plane.call(activitiesApi.list, { params });
      const moves = history.results.filter(({ field }) => field === "state");
      expect(
        moves.map(({ new_value, actor }) => [new_value, bridge.toUserName(actor ?? null)]),
        by,
      ).toEqual([
        ["In Progress", author],
        ["Done", author],
      ]);
      const [file, ...others] = plane.attachments(item);
      expect([file?.is_uploaded, bridge.toUserName(file?.created_by ?? null), others], by).toEqual([true, author, []]);
      expect(new TextDecoder().decode(file?.bytes)).toBe("# Report\n");

      const isCard = ({ external_id }: { external_id: string | null }) => external_id?.startsWith("card:") ?? false;
      const cards = plane.comments(item).filter(isCard);
      expect(cards, by).toHaveLength(1);
      expect(cards[0]?.comment_html).toContain(agent);
      const taskComments = plane.comments(item).filter((comment) => !isCard(comment));
      const authors = taskComments.map(({ actor }) => bridge.toUserName(actor));
      expect(new Set(authors), by).toEqual(new Set([author]));
      const signedComments = taskComments.filter(({ comment_html }) =>
        comment_html.startsWith(`<p><strong>${agent}</strong>:</p>`),
      );
      expect(signedComments, by).toHaveLength(agent === "Horus" ? taskComments.length : 0);
      const texts = taskComments.map(({ comment_html }) => comment_html).join("\n");
      for (const words of ["<strong>report</strong>", "Half of it was there already.", "Written and read twice."])
        expect(texts.split(words), `${by}: ${words}`).toHaveLength(2);
    }
  }, 60_000);
});

test("reliability 20: calls about another agent's task, a foreign project and a tool of the Concierge are refused, logged and audited", async () => {
  const bridge = await startRuntimeWithAgents({ agents: ["Concierge", "Imhotep", "Thot"] });
  const { plane } = bridge;
  const closed = plane.addProject({ name: "Closed", identifier: "SEC", members: [bridge.getUser("Concierge")] });
  bridge.addTask("Write it down", "Imhotep");
  bridge.addTask("Hidden", undefined, { labels: [plane.addLabel(closed, "agent:Thot")] }, closed);
  plane.addItem(closed, { name: "Nobody's" });
  const { url, deps } = await bridge.startRuntimeAndPoll();
  const requestsBefore = plane.ledger.requests.length;
  const callAs = (agent: string, tool: string, input: unknown) =>
    fetch(`${url}/agent/${tool}`, {
      method: "POST",
      headers: { authorization: `Bearer ${toAgentToken(agent)}`, "content-type": "application/json" },
      body: JSON.stringify(input),
    });
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
  const statuses: number[] = [];
  for (const [tool, input, why] of calls) {
    const response = await callAs("Thot", tool, input);
    statuses.push(response.status);
    expect(await response.text(), tool).toContain(why);
  }
  expect(statuses).toEqual(calls.map(() => 403));
  await deps.drain();
  const writes = plane.ledger.requests
    .slice(requestsBefore)
    .filter(({ method, status }) => method !== "GET" && status < 300);
  expect(writes).toEqual([]);

  expect((await callAs("Nobody", "list_my_tasks", {})).status).toBe(401);
  const auditResponse = await fetch(`${url}/audit?agent=Thot&limit=100`, {
    headers: { authorization: `Bearer ${bridge.env["ADMIN_TOKEN"]}` },
  });
  const { calls: auditedCalls } = z
    .object({ calls: z.array(z.object({ tool: z.string(), outcome: z.string(), agent: z.string() })) })
    .parse(await auditResponse.json());
  expect(auditedCalls.map(({ tool, outcome }) => [tool, outcome])).toEqual(
    calls.map(([tool]) => [tool, "forbidden"]).reverse(),
  );
  const warned = bridge.lines.map((line) => JSON.parse(line)).filter(({ message }) => message === "agent call");
  expect(warned.map(({ level, agent, tool, outcome }) => [level, agent, tool, outcome])).toEqual(
    calls.map(([tool]) => ["warn", "Thot", tool, "forbidden"]),
  );
});
