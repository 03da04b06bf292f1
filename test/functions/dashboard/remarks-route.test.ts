import { expect, test } from "vitest";
import { createHttpTestApp, HTTP_ADMIN_TOKEN } from "../../support/http-test-app.ts";

async function createRemarksApp() {
  const app = await createHttpTestApp();
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const post = async (key: string, body: object) => {
    const init = { method: "POST", body: JSON.stringify(body) };
    const response = await app.request(`/api/tasks/${key}/remarks`, HTTP_ADMIN_TOKEN, init);
    return [response.status, await response.json()];
  };
  return { app, item, post };
}

test("a text from the page is for the task's agents, and a comment in Plane that names the page", async () => {
  const { app, item, post } = await createRemarksApp();
  expect(await post("ONB-1", { text: "Use blue" })).toEqual([200, { key: "ONB-1", agents: ["Thot"], stopped: false }]);
  expect((await app.callTool("Thot", "get_task_details", { task: "ONB-1" })).json).toMatchObject({
    remarks: [{ by: "Admin (page)", text: "Use blue" }],
  });
  await app.drain();
  expect(app.readComments(item)).toContain("Ada: <p><strong>Admin (page)</strong> wrote:</p><p>Use blue</p>");
});

test("stop from the page marks the task, and an unknown task and an empty text are refused", async () => {
  const { app, post } = await createRemarksApp();
  expect(await post("ONB-1", { text: "stop" })).toEqual([200, { key: "ONB-1", agents: ["Thot"], stopped: true }]);
  const { status, json } = await app.callTool("Thot", "claim_task", { task: "ONB-1" });
  expect([status, json]).toMatchObject([409, { error: { code: "stopped" } }]);
  expect(await post("ONB-99", { text: "stop" })).toMatchObject([404, { error: { code: "not_found" } }]);
  expect(await post("ONB-1", { text: " " })).toMatchObject([400, {}]);
});
