import { z } from "zod";
import { noMetrics } from "../../shared/metrics.ts";
import { authApi, createPlaneSession } from "../../shared/plane/app/session.ts";

const createdSchema = z.object({ id: z.string() });

/** Calls Plane's public API, below the workspace `javisi` or another one, with this key; returns what was made or changed. */
export async function callPlane(url: string, key: string, method: "POST" | "PATCH", path: string, json: object) {
  const headers = { "x-api-key": key, "content-type": "application/json" };
  const workspace = path.startsWith("/") ? path.slice(1) : `javisi/${path}`;
  const init = { method, headers, body: JSON.stringify(json) };
  return createdSchema.parse(await (await fetch(`${url}/api/v1/workspaces/${workspace}`, init)).json());
}

/** Signs in to Plane's own pages with this account; throws when Plane refuses it. */
export async function signInToPlane(url: string, email: string, password: string) {
  const session = createPlaneSession({ url, fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now });
  const { csrf_token } = (await session.call(authApi.csrf)).data;
  const form = { email, password, csrfmiddlewaretoken: csrf_token };
  const { refused } = (await session.call(authApi.signIn, { form })).data;
  if (refused) throw new Error(`${email} cannot sign in: ${refused.reason}`);
  return session;
}
