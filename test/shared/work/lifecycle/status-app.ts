import { createAgentTestApp } from "../../../support/agent-test-app.ts";

/** An app with one task for Imhotep and one for Thot. */
export async function createStatusTestApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const crew = await createAgentTestApp(options);
  const item = crew.addTask("Write the guide", "Imhotep");
  const other = crew.addTask("Print it", "Thot");
  await crew.runFirstPoll();
  const setStatus = (
    change: Parameters<ReturnType<typeof crew.actAs>["setStatus"]>[1],
    by = "Imhotep",
    key = "ONB-1",
  ) => crew.actAs(by).setStatus(key, change);
  const getOwnComments = () => crew.readComments(item).filter((comment) => !comment.includes("card"));
  return { crew, item, other, setStatus, getOwnComments };
}
