import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { Settings } from "../config/settings.ts";
import { PAGE_SESSION_MS } from "./page-sessions.ts";

type CookieSettings = Pick<Settings, "publicUrl">;

/**
 * The page's cookie: no script reads it, no other site's page sends it. Where PUBLIC_URL is https it travels over
 * https only, and its name binds it to this very host.
 */
export function createSessionCookie({ publicUrl }: CookieSettings) {
  const secure = publicUrl?.startsWith("https:") ?? false;
  const name = secure ? "__Host-groundcrew" : "groundcrew";
  const options = { path: "/", httpOnly: true, sameSite: "Strict", secure } as const;
  return {
    of: (c: Context): string | undefined => getCookie(c, name),
    set: (c: Context, value: string) => setCookie(c, name, value, { ...options, maxAge: PAGE_SESSION_MS / 1000 }),
    clear: (c: Context) => void deleteCookie(c, name, options),
  };
}
