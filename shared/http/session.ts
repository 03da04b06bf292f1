import type { Settings } from "../config.ts";
import { sha256Hex } from "../digest.ts";
import type { Key, Ms, Store } from "../store/port.ts";
import { createTokenCheck } from "./tokens.ts";

/** A page stays signed in for so long. */
export const SESSION_MS: Ms = 12 * 3_600_000;

/** What is kept of a session; neither its cookie nor ADMIN_TOKEN can be reckoned back from it. */
interface KeptSession {
  /** SHA-256 of the cookie with the ADMIN_TOKEN it was opened with: a token that is replaced ends its sessions. */
  by: string;
}

/** Sessions of people who gave ADMIN_TOKEN to the page: 32 random bytes in a cookie, their SHA-256 in the store. */
export interface Sessions {
  /** Opens a session and answers with its cookie's value; undefined when this is no ADMIN_TOKEN. */
  open(token: string): Promise<string | undefined>;
  isOpen(cookie: string): Promise<boolean>;
  close(cookie: string): Promise<void>;
}

export function createSessions(store: Pick<Store, "read" | "commit">, { adminTokens }: Pick<Settings, "adminTokens">) {
  const isAdmin = createTokenCheck(adminTokens);
  const proof = (cookie: string, token: string) => sha256Hex(`${cookie} ${token}`);

  return {
    async open(token) {
      if (!(await isAdmin(token))) return undefined;
      const cookie = base64Url(crypto.getRandomValues(new Uint8Array(32)));
      const value: KeptSession = { by: await proof(cookie, token) };
      await store.commit({ put: [{ key: await keyOf(cookie), value, expires: SESSION_MS }] });
      return cookie;
    },
    async isOpen(cookie) {
      if (!/^[\w-]{43}$/.test(cookie)) return false;
      const [kept] = await store.read<KeptSession>([await keyOf(cookie)]);
      if (!kept) return false;
      const proofs = await Promise.all(adminTokens.map((token) => proof(cookie, token)));
      return createTokenCheck(proofs)(kept.value.by);
    },
    async close(cookie) {
      await store.commit({ put: [{ key: await keyOf(cookie), value: undefined }] });
    },
  } satisfies Sessions;
}

async function keyOf(cookie: string): Promise<Key> {
  return `session:${await sha256Hex(cookie)}`;
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
