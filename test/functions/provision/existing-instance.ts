import { expect } from "vitest";
import { noMetrics } from "../../../shared/metrics.ts";
import { authApi, createPlaneSession, instanceAdminApi, workspacesApi } from "../../../shared/plane/app/session.ts";
import { ADMIN_EMAIL, createProvisionSetup } from "./provision-setup.ts";

export const ADMIN_PASSWORD = "a-Strong-one-123";

/** A Plane that Ada has set up herself, with a workspace of hers unless `slug` is empty. */
export async function createExistingInstance(
  options: Parameters<typeof createProvisionSetup>[0] = {},
  slug = "javisi",
) {
  const { env, ...rest } = options;
  const setup = await createProvisionSetup({ ...rest, env: { PLANE_ADMIN_PASSWORD: ADMIN_PASSWORD, ...env } });
  const session = createPlaneSession({ url: setup.url, fetch: globalThis.fetch, metrics: noMetrics, clock: Date.now });
  const post = async (endpoint: typeof authApi.signIn, more = {}) => {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    const form = { email: ADMIN_EMAIL, password: ADMIN_PASSWORD, csrfmiddlewaretoken: csrf_token, ...more };
    expect((await session.call(endpoint, { form })).data.refused).toBeUndefined();
  };
  await post(instanceAdminApi.signUp, { first_name: "Ada" });
  await post(authApi.signIn);
  if (slug)
    await session.call(workspacesApi.create, { json: { name: "Existing workspace", slug, organization_size: "2-10" } });
  return { setup, session };
}

/** A fetch that changes the body of the answers from one path. */
export function alterResponse(path: string, change: (body: string) => string): typeof globalThis.fetch {
  return async (input, init) => {
    const answer = await globalThis.fetch(input, init);
    if (new URL(String(input)).pathname !== path) return answer;
    return new Response(change(await answer.text()), {
      status: answer.status,
      headers: { "content-type": "application/json" },
    });
  };
}
