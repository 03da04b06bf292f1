import { createHash } from "node:crypto";
import { z } from "zod";
import { createHttpTestApp, toBridgeToken } from "../../support/http-test-app.ts";

export type HttpTestApp = Awaited<ReturnType<typeof createHttpTestApp>>;

export const MB = 2 ** 20;

export const refusalSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export const uploadAnswerSchema = z.object({
  task: z.string(),
  name: z.string(),
  size: z.number(),
  sha256: z.string(),
  type: z.string(),
});

/** Returns the SHA-256 hash in hexadecimal. */
export const hashSha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

/** Creates an app with one task, ONB-1, of the agent Imhotep. */
export async function createAppWithTask(options: Parameters<typeof createHttpTestApp>[0] = {}) {
  const app = await createHttpTestApp(options);
  const item = app.addTask("Write the report", "Imhotep");
  await app.runFirstPoll();
  return { app, item };
}

/** Uploads a file with `PUT /agent/upload_deliverable`. */
export const putFile = (
  app: HttpTestApp,
  query: string,
  body: Uint8Array<ArrayBuffer> | string,
  headers = {},
  agent = "Imhotep",
) => app.request(`/agent/upload_deliverable?${query}`, toBridgeToken(agent), { method: "PUT", body, headers });
