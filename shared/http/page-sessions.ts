import type { Settings } from "../config/settings.ts";
import { sha256Hex } from "../hashing/sha256-hex.ts";
import { createTokenCheck } from "../hashing/token-check.ts";
import type { Store, StoreKey } from "../store/port.ts";
import { HOUR, type Ms } from "../time.ts";

/** Duration of a session of the page: 12 hours. */
export const PAGE_SESSION_MS: Ms = 12 * HOUR;

/** A stored session. Neither its cookie nor ADMIN_TOKEN can be derived from it. */
interface StoredPageSession {
  /** SHA-256 of the cookie and the ADMIN_TOKEN of the sign-in, so that replacing the token ends its sessions. */
  by: string;
}

/** Sessions of people who signed in to the page with ADMIN_TOKEN: 32 random bytes in a cookie, their SHA-256 in the store. */
export interface PageSessions {
  /** Opens a session and returns its cookie's value; undefined when `token` is not an ADMIN_TOKEN. */
  open(token: string): Promise<string | undefined>;
  isOpen(cookie: string): Promise<boolean>;
  close(cookie: string): Promise<void>;
}

export function createPageSessions(
  store: Pick<Store, "read" | "commit">,
  { adminTokens }: Pick<Settings, "adminTokens">,
) {
  const isAdmin = createTokenCheck(adminTokens);
  const hashSessionProof = (cookie: string, token: string) => sha256Hex(`${cookie} ${token}`);

  return {
    async open(token) {
      if (!(await isAdmin(token))) return undefined;
      const cookie = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
      const value: StoredPageSession = { by: await hashSessionProof(cookie, token) };
      await store.commit({ put: [{ key: await sessionKey(cookie), value, expires: PAGE_SESSION_MS }] });
      return cookie;
    },
    async isOpen(cookie) {
      if (!/^[\w-]{43}$/.test(cookie)) return false;
      const [stored] = await store.read<StoredPageSession>([await sessionKey(cookie)]);
      if (!stored) return false;
      const proofs = await Promise.all(adminTokens.map((token) => hashSessionProof(cookie, token)));
      return createTokenCheck(proofs)(stored.value.by);
    },
    async close(cookie) {
      await store.commit({ put: [{ key: await sessionKey(cookie), value: undefined }] });
    },
  } satisfies PageSessions;
}

async function sessionKey(cookie: string): Promise<StoreKey> {
  return `session:${await sha256Hex(cookie)}`;
}

function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
