import { describe, expect, it } from "vitest";
import { callTool, createDoors, textOf, tokenOf } from "../../doors.ts";

type Doors = Awaited<ReturnType<typeof createDoors>>;

/** A request without the SDK, as a small client would write it. */
async function post(doors: Doors, message: unknown, headers: Record<string, string> = {}) {
  const body = typeof message === "string" ? message : JSON.stringify(message);
  const response = await doors.ask("/mcp", tokenOf("Thot"), { method: "POST", body, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) };
}

const LIST = { jsonrpc: "2.0", id: 1, method: "tools/list" };

describe("MCP, by the SDK's own client", () => {
  it("lists the tools with what they do to the world", async () => {
    const doors = await createDoors();
    const client = await doors.client("Imhotep");
    expect(client.getServerVersion()).toMatchObject({ name: "groundcrew" });
    expect(client.getInstructions()).toContain("a refused claim is not retried");
    const { tools } = await client.listTools();
    expect(tools.find(({ name }) => name === "claim_task")).toMatchObject({
      inputSchema: { type: "object", required: ["task"] },
      annotations: { readOnlyHint: false, idempotentHint: true, destructiveHint: false, openWorldHint: false },
    });
    for (const { name, annotations } of tools) expect(Object.keys(annotations ?? {}), name).toHaveLength(4);
  });

  it("calls a tool as the agent whose token it is", async () => {
    const doors = await createDoors();
    doors.task("Write the menu", "Imhotep");
    await doors.begin();
    const result = await callTool(await doors.client("Imhotep"), "claim_task", { task: "ONB-1" });
    expect(result.isError).toBeUndefined();
    expect(result.structuredContent).toMatchObject({ task: "ONB-1" });
    expect(JSON.parse(textOf(result))).toEqual(result.structuredContent);
  });

  it("OPENCLAW-20 gives a refusal as a result whose text says why and what to do", async () => {
    const doors = await createDoors();
    doors.task("Write the menu", "Imhotep");
    await doors.begin();
    const result = await callTool(await doors.client("Thot"), "claim_task", { task: "ONB-1" });
    expect(result.isError).toBe(true);
    expect(textOf(result)).toBe(
      "ONB-1 is Imhotep's, not Thot's: only its own agent may do this. list_my_tasks shows yours.",
    );
    expect(result._meta).toEqual({ error: { code: "forbidden" } });
  });

  it("says in the same words as the HTTP door what is wrong with an input", async () => {
    const doors = await createDoors();
    const result = await callTool(await doors.client("Thot"), "claim_task", { tsk: "ONB-1" });
    const { json } = await doors.post("Thot", "claim_task", { tsk: "ONB-1" });
    expect(json).toEqual({ error: { code: "bad_request", message: textOf(result) } });
  });

  it("tells when to come back while Plane's quota is used up", async () => {
    const doors = await createDoors();
    await doors.begin();
    doors.plane.faults.add({}, { kind: "status", status: 429, headers: { "retry-after": "40" } });
    const result = await callTool(await doors.client("Thot"), "claim_task", { task: "ONB-77" });
    expect(result).toMatchObject({ isError: true, _meta: { error: { code: "rate_limited", retry_after: 40 } } });
  });

  it("makes a tool that is not there an error of the protocol", async () => {
    const doors = await createDoors();
    const client = await doors.client("Thot");
    await expect(callTool(client, "delete_everything", {})).rejects.toThrow(/-32602.*There is no tool/);
  });

  it("OPENCLAW-02 says ten tasks with their blockers once, in 4 KB", async () => {
    const doors = await createDoors();
    for (let n = 0; n < 10; n += 1) {
      const line = "Say what it is for, and for whom, in words a newcomer knows. ".repeat(4);
      const description_html = `<p>${line}</p><p>${"And more. ".repeat(200)}</p>`;
      const task = doors.task(`Write page ${n} of the handbook for new customers`, "Thot", { description_html });
      const blocker = doors.task(`Find out what page ${n} must say`, "Imhotep");
      doors.plane.relate(task, blocker);
    }
    await doors.begin();
    const result = await callTool(await doors.client("Thot"), "list_my_tasks", {});
    expect(JSON.parse(textOf(result)).tasks).toHaveLength(10);
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(4_096);
    expect(result.structuredContent).toBeUndefined();
  });

  it("keeps two agents apart that call side by side", async () => {
    const doors = await createDoors();
    doors.task("Write the menu", ["Imhotep", "Thot"]);
    await doors.begin();
    const clients = [await doors.client("Imhotep"), await doors.client("Thot")];
    const results = await Promise.all(clients.map((client) => callTool(client, "claim_task", { task: "ONB-1" })));
    expect(results.filter(({ isError }) => !isError)).toHaveLength(1);
    expect(results.filter(({ isError }) => isError).map(textOf)).toEqual([expect.stringContaining("is held by")]);
  });
});

describe("POST /mcp", () => {
  it("needs no session and hands none out: each request stands by itself", async () => {
    const doors = await createDoors();
    const { status, headers, json } = await post(doors, LIST);
    expect([status, headers.get("mcp-session-id")]).toEqual([200, null]);
    expect(json.result.tools.length).toBeGreaterThan(0);
  });

  it.each(["application/json", "*/*", "application/json, text/event-stream"])(
    "answers in JSON to Accept: %s",
    async (accept) => {
      const doors = await createDoors();
      const { status, headers } = await post(doors, LIST, { accept });
      expect([status, headers.get("content-type")]).toEqual([200, "application/json"]);
    },
  );

  it.each(["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])("speaks the protocol of %s", async (version) => {
    const doors = await createDoors();
    const params = { protocolVersion: version, capabilities: {}, clientInfo: { name: "a test", version: "1" } };
    const { json } = await post(doors, { jsonrpc: "2.0", id: 0, method: "initialize", params });
    expect(json.result).toMatchObject({ protocolVersion: version, serverInfo: { name: "groundcrew" } });
    const told = { jsonrpc: "2.0", method: "notifications/initialized" };
    expect(await post(doors, told, { "mcp-protocol-version": version })).toMatchObject({ status: 202 });
  });

  it.each([
    ["what is no JSON", "{", 400, -32700],
    ["what is no JSON-RPC", { hello: 1 }, 400, -32700],
    ["a method that is not there", { ...LIST, method: "tools/delete" }, 200, -32601],
    ["a call without a name", { ...LIST, method: "tools/call", params: {} }, 200, -32602],
  ])("answers %s with the protocol's error", async (_, message, status, code) => {
    const doors = await createDoors();
    expect(await post(doors, message)).toMatchObject({ status, json: { error: { code } } });
  });

  it("refuses a version of the protocol nobody knows, another type, and a body over 2 MB", async () => {
    const doors = await createDoors();
    expect(await post(doors, LIST, { "mcp-protocol-version": "1999-01-01" })).toMatchObject({ status: 400 });
    expect(await post(doors, LIST, { "content-type": "text/plain" })).toMatchObject({ status: 415 });
    expect(await post(doors, "x".repeat(2 * 1024 * 1024 + 1))).toMatchObject({ status: 413 });
  });

  it.each(["GET", "DELETE"])("is the only way: %s is answered with 405", async (method) => {
    const doors = await createDoors();
    const headers = { accept: "text/event-stream" };
    const response = await doors.ask("/mcp", tokenOf("Thot"), { method, headers });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("is not for the pages of another origin (reliability 27)", async () => {
    const doors = await createDoors();
    expect(await post(doors, LIST, { origin: "https://evil.example" })).toMatchObject({ status: 403 });
  });
});
