import { createAgentTestApp } from "../../../support/agent-test-app.ts";

/** An app with one task for Imhotep and one for Thot. */
export async function createStatusTestApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write the guide", "Imhotep");
  const other = app.addTask("Print it", "Thot");
  await app.runFirstPoll();
  const setStatus = (change: Parameters<ReturnType<typeof app.actAs>["setStatus"]>[1], by = "Imhotep", key = "ONB-1") =>
    app.actAs(by).setStatus(key, change);
  const getOwnComments = () => app.readComments(item).filter((comment) => !comment.includes("card"));
  return { app, item, other, setStatus, getOwnComments };
}
