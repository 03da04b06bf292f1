import { getPath } from "hono/utils/url";

/** Whether Plane or Telegram post to this path; a signature or a secret authenticates them. */
export function isWebhookPath(path: string): boolean {
  return path.startsWith("/webhooks/");
}

/** Whether the path is one of the API for people's dashboards, which those of ALLOWED_ORIGINS may call. */
export function isApiPath(path: string): boolean {
  return path.startsWith("/api/") && !path.startsWith("/api/runner/");
}

/**
 * The path by which a request is routed and its access is checked: without a slash at the end, and, in a webhook's path,
 * without doubled slashes. Both are common typing errors in a webhook's URL, and Plane would count a 404 as delivered.
 * Every other path stays as it was sent.
 */
export function getRequestPath(request: Request): string {
  const path = collapseWebhookPath(getPath(request));
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function collapseWebhookPath(path: string): string {
  if (!path.includes("//")) return path;
  const collapsed = path.replaceAll(/\/{2,}/g, "/");
  return isWebhookPath(collapsed) ? collapsed : path;
}
