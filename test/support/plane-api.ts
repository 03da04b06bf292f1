import { z } from "zod";

const createdSchema = z.object({ id: z.string() });

/** Calls Plane's public API, below the workspace `javisi` or another one, with this key; returns what was made or changed. */
export async function callPlane(url: string, key: string, method: "POST" | "PATCH", path: string, json: object) {
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const workspace = path.startsWith("/") ? path.slice(1) : `javisi/${path}`;
  const init = { method, headers, body: JSON.stringify(json) };
  return createdSchema.parse(await (await fetch(`${url}/api/v1/workspaces/${workspace}`, init)).json());
}
