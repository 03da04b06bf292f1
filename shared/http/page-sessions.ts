/**
 * Sessions of the page: who signed in, from where, and until when. Each is stored by the hash of its secret, which the
 * cookie carries. A person's session ends when they leave the workspace, may be who has left it, or get another role;
 * one that was opened with ADMIN_TOKEN ends when that is replaced.
 */

import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { Deps } from "../app/deps.ts";
import type { Settings } from "../config/settings.ts";
import { GroundcrewError } from "../errors.ts";
import { createTokenCheck, sha256Hex } from "../hashing.ts";
import { keepDefined } from "../omit-undefined.ts";
import { createSecret, createSignInPut, findPerson, type Person, personSessionSet } from "../people/directory.ts";
import type { PersonRole } from "../people/roles.ts";
import { ADMIN_VIEWER, toViewer, type Viewer } from "../people/viewer.ts";
import type { Put, SetName, StoreKey } from "../store/port.ts";
import { readAllRows } from "../store/records.ts";
import { cleanLine } from "../text.ts";
import { HOUR, isRecent, MINUTE, type Ms, SECOND } from "../time.ts";

/** A stored session. Neither its cookie nor a token can be derived from it. */
interface StoredPageSession {
  /** SHA-256 of the cookie and the ADMIN_TOKEN of the sign-in, so that replacing the token ends its sessions. */
  by?: string;
  /** The person who signed in; absent for ADMIN_TOKEN. */
  person?: { id: string; role: PersonRole };
  place: SignInPlace;
  /** Store times. `usedAt`: of the last use, within a minute. */
  at: Ms;
  usedAt: Ms;
}

/** Where somebody signs in: the client's address, and what the browser says it is. */
interface SignInPlace {
  address: string;
  browser: string;
}

/** An open session as people see it. */
export interface PageSession {
  /** The key of its record, from which the cookie cannot be derived. */
  id: string;
  viewer: Viewer;
  place: SignInPlace;
  at: Ms;
  usedAt: Ms;
}

/** Who reads a stream, whose access is asked for again while it is open. */
export interface AccessWatch {
  /** As of the last check. */
  viewer: Viewer;
  /**
   * Whether the viewer may still read; asked every 5 s at most.
   * @param isVisible whether a viewer sees what is read; by default everybody does
   */
  mayRead(isVisible?: (viewer: Viewer) => Promise<boolean>): Promise<boolean>;
}

type SessionDeps = Pick<Deps, "store" | "settings">;

/** Duration of a session of the page: 12 hours. */
const PAGE_SESSION_MS: Ms = 12 * HOUR;

/** Interval between records of a session's last use: 1 minute. */
const USE_INTERVAL: Ms = MINUTE;

/** Interval between checks whether the session of a stream is still open: 5 s. */
const ACCESS_INTERVAL: Ms = 5 * SECOND;

const SESSIONS_SET: SetName = "page-sessions";

/** Sessions of the page: 32 random bytes in a cookie, their SHA-256 in the store. */
export function createPageSessions(deps: SessionDeps) {
  const { store } = deps;
  const { adminTokens } = deps.settings;
  const isAdmin = createTokenCheck(adminTokens);

  async function open(opened: Pick<StoredPageSession, "person">, place: SignInPlace, adminToken?: string) {
    const cookie = createSecret();
    const at = await store.now();
    const by = adminToken === undefined ? {} : { by: await hashSessionProof(cookie, adminToken) };
    const value: StoredPageSession = { ...opened, ...by, place, at, usedAt: at };
    const key = await sessionKey(cookie);
    const session: Put = { key, value, sets: listSets(value), expires: PAGE_SESSION_MS };
    await store.commit({ put: opened.person ? [session, createSignInPut(opened.person.id, at)] : [session] });
    return cookie;
  }

  /** Who a session is; undefined when it has ended. */
  async function findViewer({ by, person, at }: StoredPageSession, cookie?: string): Promise<Viewer | undefined> {
    if (person) {
      const found = await findPerson(deps, { id: person.id });
      return found?.role === person.role && (found.doubtedAt ?? 0) < at ? toViewer(found) : undefined;
    }
    // In a list the cookie is not known; a session whose token was replaced is not used any more.
    if (cookie === undefined) return ADMIN_VIEWER;
    const proofs = await Promise.all(adminTokens.map((token) => hashSessionProof(cookie, token)));
    return by !== undefined && (await createTokenCheck(proofs)(by)) ? ADMIN_VIEWER : undefined;
  }

  /** Finds who has this cookie, and records the use; undefined when the session has ended. */
  async function find(cookie: string): Promise<{ id: string; viewer: Viewer } | undefined> {
    if (!/^[\w-]{43}$/.test(cookie)) return undefined;
    const key = await sessionKey(cookie);
    const [stored] = await store.read<StoredPageSession>([key]);
    if (!stored) return undefined;
    const { value, rev } = stored;
    const viewer = await findViewer(value, cookie);
    if (!viewer) {
      // A person who comes back, or gets the role back, signs in again.
      await store.commit({ put: [{ key, value: undefined }] });
      return undefined;
    }
    const now = await store.now();
    const { at, usedAt } = value;
    const expires = at + PAGE_SESSION_MS - now;
    // A use that cannot be recorded, as in a full store, keeps nobody from reading.
    if (!isRecent(usedAt, USE_INTERVAL, now) && expires > 0)
      await store
        .commit({
          expect: [[key, rev]],
          put: [{ key, value: { ...value, usedAt: now }, sets: listSets(value), expires }],
        })
        .catch(() => {});
    return { id: toSessionId(key), viewer };
  }

  return {
    /** Opens a session with ADMIN_TOKEN and returns its cookie's value; undefined for another token. */
    openForAdmin: async (token: string, place: SignInPlace): Promise<string | undefined> =>
      (await isAdmin(token)) ? open({}, place, token) : undefined,
    /** Opens a session for a person of the workspace and returns its cookie's value. */
    openForPerson: ({ id, role }: Person, place: SignInPlace): Promise<string> | undefined =>
      id !== undefined && role !== undefined ? open({ person: { id, role } }, place) : undefined,
    find,
    /** Reads the open sessions, the one that was used last first. */
    async list(): Promise<PageSession[]> {
      const rows = await readAllRows<StoredPageSession>(deps, SESSIONS_SET);
      const sessions = await Promise.all(
        rows.map(async ({ key, value }) => {
          const viewer = await findViewer(value);
          const { place, at, usedAt } = value;
          return viewer ? [{ id: toSessionId(key), viewer, place, at, usedAt }] : [];
        }),
      );
      return sessions.flat().sort((a, b) => b.usedAt - a.usedAt);
    },
    /** Ends the session with this cookie. */
    async close(cookie: string): Promise<void> {
      await store.commit({ put: [{ key: await sessionKey(cookie), value: undefined }] });
    },
    /** Ends the sessions with these ids. */
    async end(ids: readonly string[]): Promise<void> {
      await store.commit({ put: ids.map((id) => ({ key: `session:${id}`, value: undefined })) });
    },
  };
}

function listSets({ person }: StoredPageSession): SetName[] {
  return person ? [SESSIONS_SET, personSessionSet] : [SESSIONS_SET];
}

const hashSessionProof = (cookie: string, token: string) => sha256Hex(`${cookie} ${token}`);

async function sessionKey(cookie: string): Promise<StoreKey> {
  return `session:${await sha256Hex(cookie)}`;
}

const toSessionId = (key: StoreKey) => key.slice("session:".length);

/** Names of browsers and systems, by what `User-Agent` says: the first that it contains. */
const BROWSERS = { "Edg/": "Edge", "OPR/": "Opera", "Firefox/": "Firefox", "Chrome/": "Chrome", "Safari/": "Safari" };

const SYSTEMS = {
  ...{ Android: "Android", iPhone: "iOS", iPad: "iPadOS", Windows: "Windows", "Mac OS": "macOS", Linux: "Linux" },
};

/** Where a request comes from, as people read it. */
export function describePlace(c: Context): SignInPlace {
  const agent = c.req.header("user-agent") ?? "";
  const find = (names: object) => Object.entries(names).find(([mark]) => agent.includes(mark))?.[1];
  const [browser, system] = [find(BROWSERS), find(SYSTEMS)];
  return { address: c.get("client"), browser: keepDefined([browser, system]).join(", ") || cleanLine(agent, 60) };
}

/**
 * Creates the watch over who reads a stream: a reader that came by a session of the page may read while that is open,
 * and sees the projects that the person has then; other access ends with the process.
 */
export function createAccessWatch(deps: SessionDeps & Pick<Deps, "clock">) {
  const cookie = createSessionCookie(deps.settings);
  const sessions = createPageSessions(deps);
  return (c: Context): AccessWatch => {
    const value = cookie.read(c);
    let checkedAt = deps.clock();
    const watch: AccessWatch = {
      viewer: c.get("viewer"),
      async mayRead(isVisible = async () => true) {
        const now = deps.clock();
        if (value === undefined || c.get("session") === undefined) return true;
        if (isRecent(checkedAt, ACCESS_INTERVAL, now)) return true;
        checkedAt = now;
        const found = await sessions.find(value);
        if (found) watch.viewer = found.viewer;
        return found !== undefined && isVisible(found.viewer);
      },
    };
    return watch;
  };
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
