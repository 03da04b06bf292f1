import type { Context } from "hono";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { createTokenCheck } from "../hashing/token-check.ts";
import { createCallerLookup } from "./caller-lookup.ts";
import { isApiPath, isWebhookPath } from "./request-path.ts";

/** Names of query parameters under which people and programs put tokens into URLs, which logs and histories keep. */
const TOKEN_NAME =
  /^((access|admin|tick|agent|bridge|auth|bearer)[_-]?)?token$|^(api[_-]?)?key$|^auth(orization)?$|^secret$|^password$/i;

/** Limit of query parameters: 50, five times as many as any route has. Checking thousands would delay other requests. */
const MAX_QUERY_PARAMETERS = 50;
/** Values shorter than any token (16 characters) need not be hashed to compare them with tokens. */
const MIN_TOKEN_LENGTH = 16;

/**
 * Creates a check against foreign browser pages, DNS rebinding and leaked tokens: refuses an unknown `Host`, a foreign
 * `Origin` (unless ALLOWED_ORIGINS lists it for `/api`) on requests that may change something, more than 50 query parameters, and a token in the URL. Webhooks are exempt, because their signature
 * authenticates them.
 */
export function createOriginCheck(settings: Settings): (c: Context) => Promise<void> | undefined {
  const isOperatorToken = createTokenCheck([...settings.adminTokens, ...settings.tickTokens, ...settings.runnerTokens]);
  const findCaller = createCallerLookup(settings.agentTokens);
  const isToken = async (text: string) =>
    text.length >= MIN_TOKEN_LENGTH && ((await isOperatorToken(text)) || (await findCaller(text)) !== undefined);

  async function check(c: Context): Promise<void> {
    const url = new URL(c.req.url);
    const host = (c.req.header("host") ?? url.host).toLowerCase();
    if (!isAllowedHost(host, settings.allowedHosts))
      throw new GroundcrewError("forbidden", `Host ${host.slice(0, 100)} is not in ALLOWED_HOSTS.`);
    const origin = c.req.header("origin");
    const isReadOnly = c.req.method === "GET" || c.req.method === "HEAD";
    const isListed = isApiPath(url.pathname) && settings.allowedOrigins.includes(origin ?? "");
    if (!isReadOnly && origin !== undefined && !isListed && !isOwnOrigin(origin, host, settings.publicUrl))
      throw new GroundcrewError(
        "forbidden",
        "Requests from another origin are not allowed. ALLOWED_ORIGINS lists the dashboards whose scripts may call /api.",
      );
    if (url.searchParams.size > MAX_QUERY_PARAMETERS)
      throw new GroundcrewError("bad_request", `The URL has more than ${MAX_QUERY_PARAMETERS} query parameters.`);
    for (const [name, value] of url.searchParams) {
      if (TOKEN_NAME.test(name) || (await isToken(value)))
        throw new GroundcrewError(
          "bad_request",
          "A token must not be sent in the URL, because logs keep it. Send it as `Authorization: Bearer …`, and replace this token.",
        );
    }
  }

  return (c) => (isWebhookPath(c.req.path) ? undefined : check(c));
}

/** An allowed name without a port matches every port. */
function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "");
  return allowed.includes(host) || allowed.includes(name);
}

/** Whether an origin is the page's own: PUBLIC_URL or the requested host. With an https PUBLIC_URL its http form is foreign. */
function isOwnOrigin(origin: string, host: string, publicUrl: string | undefined): boolean {
  if (origin === publicUrl || origin === `https://${host}`) return true;
  const isPublicHost = publicUrl !== undefined && new URL(publicUrl).host === host;
  return origin === `http://${host}` && !isPublicHost;
}
