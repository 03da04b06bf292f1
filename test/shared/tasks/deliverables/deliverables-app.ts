import { createHash } from "node:crypto";
import type { NewDeliverable } from "../../../../shared/tasks/deliverables/file-check.ts";
import type { Item } from "../../../../simulators/plane/types.ts";
import { type AgentTestApp, createAgentTestApp } from "../../../support/agent-test-app.ts";

export const toSha256 = (text: string) => createHash("sha256").update(text).digest("hex");
export const createBlob = (text: string) => new Blob([text]);
/** A streamed file, which unlike a Blob can be read only once. */
export const createStreamedFile = (text: string) => ({ size: text.length, stream: () => new Blob([text]).stream() });

/** An app with a task of Imhotep and a function that delivers files for it: `# Report` as `report.md` by default. */
export async function createDeliverablesApp(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  const task = app.toTaskKey(item);
  const deliverFile = (change: Partial<NewDeliverable>, agent = "Imhotep") =>
    app.actAs(agent).deliver({ task, name: "report.md", file: createBlob("# Report"), ...change });
  return { app, item, task, deliverFile };
}

/** The deliverables of an item in Plane and its storage. */
export function readAttachments(app: AgentTestApp, item: Item) {
  return app.plane.attachments(item).map(({ name, is_uploaded, bytes }) => {
    return { name, is_uploaded, text: new TextDecoder().decode(bytes) };
  });
}

/** The comments that link deliverables, without the agent card. */
export const getLinkComments = (app: AgentTestApp, item: Item) =>
  app.readComments(item).filter((text) => text.includes("Deliverable:"));

/** A deliverable that was uploaded and confirmed. */
export const uploadedFile = (name: string, text: string) => ({ name, is_uploaded: true, text });
