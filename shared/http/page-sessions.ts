/** Sessions of the page: signed in with a token, stored by the hash of their secret, carried in a cookie. */

import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { encodeBase64Url } from "hono/utils/encode";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { createTokenCheck, sha256Hex } from "../hashing.ts";
import type { Store, StoreKey } from "../store/port.ts";
import { HOUR, type Ms } from "../time.ts";

/** A stored session. Neither its cookie nor ADMIN_TOKEN can be derived from it. */
interface StoredPageSession {
  /** SHA-256 of the cookie and the ADMIN_TOKEN of the sign-in, so that replacing the token ends its sessions. */
  by: string;
}

/** Duration of a session of the page: 12 hours. */
const PAGE_SESSION_MS: Ms = 12 * HOUR;

/** Sessions of the page, signed in with ADMIN_TOKEN: 32 random bytes in a cookie, their SHA-256 in the store. */
export function createPageSessions(
  store: Pick<Store, "read" | "commit">,
  { adminTokens }: Pick<Settings, "adminTokens">,
) {
  const isAdmin = createTokenCheck(adminTokens);
  const hashSessionProof = (cookie: string, token: string) => sha256Hex(`${cookie} ${token}`);

  return {
    /** Opens a session and returns its cookie's value; undefined when `token` is not an ADMIN_TOKEN. */
    async open(token: string): Promise<string | undefined> {
      if (!(await isAdmin(token))) return undefined;
      const cookie = encodeBase64Url(crypto.getRandomValues(new Uint8Array(32)).buffer).replace("=", "");
      const value: StoredPageSession = { by: await hashSessionProof(cookie, token) };
      await store.commit({ put: [{ key: await sessionKey(cookie), value, expires: PAGE_SESSION_MS }] });
      return cookie;
    },
    async isOpen(cookie: string): Promise<boolean> {
      if (!/^[\w-]{43}$/.test(cookie)) return false;
      const [stored] = await store.read<StoredPageSession>([await sessionKey(cookie)]);
      if (!stored) return false;
      const proofs = await Promise.all(adminTokens.map((token) => hashSessionProof(cookie, token)));
      return createTokenCheck(proofs)(stored.value.by);
    },
    async close(cookie: string): Promise<void> {
      await store.commit({ put: [{ key: await sessionKey(cookie), value: undefined }] });
    },
  };
}

async function sessionKey(cookie: string): Promise<StoreKey> {
  return `session:${await sha256Hex(cookie)}`;
}

/**
 * Creates access to the page's session cookie. No script can read it and no other site's page sends it. With an https
 * PUBLIC_URL it is sent over https only, and the prefix `__Host-` binds it to this host. `read` throws `forbidden` when
 * a request that may change something shows the cookie without `Origin`, which every browser sends then: whoever sent
 * it is not the page. Beside an `Authorization` header such a cookie is ignored.
 */
export function createSessionCookie({ publicUrl }: Pick<Settings, "publicUrl">) {
  const secure = publicUrl?.startsWith("https:") ?? false;
  const name = secure ? "__Host-groundcrew" : "groundcrew";
  const options = { path: "/", httpOnly: true, sameSite: "Strict", secure } as const;
  return {
    read(c: Context): string | undefined {
      const cookie = getCookie(c, name);
      const isReadOnly = c.req.method === "GET" || c.req.method === "HEAD";
      if (cookie === undefined || isReadOnly || c.req.header("origin") !== undefined) return cookie;
      if (c.req.header("authorization") !== undefined) return undefined;
      throw new GroundcrewError(
        "forbidden",
        "A request with the page's cookie that may change something needs Origin.",
      );
    },
    set: (c: Context, value: string) => setCookie(c, name, value, { ...options, maxAge: PAGE_SESSION_MS / 1000 }),
    clear: (c: Context) => void deleteCookie(c, name, options),
  };
}
