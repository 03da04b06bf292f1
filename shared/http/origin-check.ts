import type { Context } from "hono";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { createCallerLookup, createTokenCheck } from "./token-check.ts";

/** Names under which people and programs put tokens into addresses, where logs and histories keep them. */
const TOKEN_NAME =
  /^((access|admin|tick|agent|bridge|auth|bearer)[_-]?)?token$|^(api[_-]?)?key$|^auth(orization)?$|^secret$|^password$/i;

/**
 * Refuses what a browser page, DNS rebinding or a forgotten proxy could send here: another `Host`, a foreign
 * `Origin` on what may change something, a token in the address. Webhooks are exempt: their signature is their proof.
 */
export function createOriginCheck(settings: Settings): (c: Context) => Promise<void> | undefined {
  const isOperatorToken = createTokenCheck([...settings.adminTokens, ...settings.tickTokens]);
  const findCaller = createCallerLookup(settings.agentTokens);
  const isToken = async (text: string) => (await isOperatorToken(text)) || (await findCaller(text)) !== undefined;

  async function check(c: Context): Promise<void> {
    const url = new URL(c.req.url);
    const host = (c.req.header("host") ?? url.host).toLowerCase();
    if (!isAllowedHost(host, settings.allowedHosts))
      throw new GroundcrewError("forbidden", `The host ${host.slice(0, 100)} is not one of ALLOWED_HOSTS.`);
    const origin = c.req.header("origin");
    const isReadOnly = c.req.method === "GET" || c.req.method === "HEAD";
    if (!isReadOnly && origin !== undefined && !isOwnOrigin(origin, host, settings.publicUrl))
      throw new GroundcrewError("forbidden", "Pages of another origin may not do this.");
    for (const [name, value] of url.searchParams) {
      if (TOKEN_NAME.test(name) || (await isToken(value)))
        throw new GroundcrewError(
          "bad_request",
          "A token does not belong into an address, where logs keep it. Send it as `Authorization: Bearer …`, and replace this one.",
        );
    }
  }

  return (c) => (isWebhookPath(c.req.path) ? undefined : check(c));
}

/** Whether a path is one that Plane or Telegram posts to, which prove themselves by signature or secret. */
export function isWebhookPath(path: string): boolean {
  return path.startsWith("/webhooks/");
}

/** A name without a port stands for every port. */
function isAllowedHost(host: string, allowed: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "");
  return allowed.includes(host) || allowed.includes(name);
}

/** The page's own: PUBLIC_URL, or the very host it asks; where PUBLIC_URL is https, http is somebody else. */
function isOwnOrigin(origin: string, host: string, publicUrl: string | undefined): boolean {
  if (origin === publicUrl || origin === `https://${host}`) return true;
  const isPublicHost = publicUrl !== undefined && new URL(publicUrl).host === host;
  return origin === `http://${host}` && !isPublicHost;
}
