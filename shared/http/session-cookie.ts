import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { Settings } from "../config/settings.ts";
import { PAGE_SESSION_MS } from "./page-sessions.ts";

type CookieSettings = Pick<Settings, "publicUrl">;

/**
 * Creates access to the page's session cookie. No script can read it and no other site's page sends it. With an https
 * PUBLIC_URL it is sent over https only, and the prefix `__Host-` binds it to this host.
 */
export function createSessionCookie({ publicUrl }: CookieSettings) {
  const secure = publicUrl?.startsWith("https:") ?? false;
  const name = secure ? "__Host-groundcrew" : "groundcrew";
  const options = { path: "/", httpOnly: true, sameSite: "Strict", secure } as const;
  return {
    read: (c: Context): string | undefined => getCookie(c, name),
    set: (c: Context, value: string) => setCookie(c, name, value, { ...options, maxAge: PAGE_SESSION_MS / 1000 }),
    clear: (c: Context) => void deleteCookie(c, name, options),
  };
}
