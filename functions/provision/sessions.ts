import type { z } from "zod";
import { noMetrics } from "../../shared/metrics.ts";
import { createPlaneSession, type PlaneSession } from "../../shared/plane/app/session.ts";
import { auth, type formOutcome } from "../../shared/plane/app/sign-in.ts";
import type { Endpoint } from "../../shared/plane/client.ts";
import { PlaneRateLimitedError } from "../../shared/plane/errors.ts";
import type { Ms } from "../../shared/store/port.ts";
import type { ProvisionDeps } from "./context.ts";
import { formRefusal } from "./refusals.ts";
import type { Vault } from "./vault.ts";

type Outcome = z.output<typeof formOutcome>;

interface SessionsDeps extends Pick<ProvisionDeps, "settings" | "fetch" | "clock" | "wait"> {
  vault: Vault;
}

export type Sessions = ReturnType<typeof createSessions>;

/** A 429 that asks for more is told, not waited for. */
const LONGEST: Ms = 120_000;
const TRIES = 3;

/** Browsers' worth of Plane, one for each account that provision works as. */
export function createSessions({ settings, fetch, clock, wait, vault }: SessionsDeps) {
  const open = new Map<string, PlaneSession>();

  /** Nobody's session yet. What Plane refuses for its rate limit it has not done, so it is asked again. */
  function fresh(): PlaneSession {
    const session = createPlaneSession({ url: settings.plane.url, fetch, clock, metrics: noMetrics });
    return {
      async call(endpoint, options) {
        for (let nth = 1; ; nth += 1) {
          try {
            return await session.call(endpoint, options);
          } catch (thrown) {
            const mayWait = thrown instanceof PlaneRateLimitedError && thrown.retryAfter <= LONGEST;
            if (!mayWait || nth > TRIES) throw thrown;
            await wait(thrown.retryAfter);
          }
        }
      },
    };
  }

  /** Posts a form of Plane's pages; answers why it was refused, undefined when it was not. */
  async function post(session: PlaneSession, form: Endpoint<Outcome>, fields: Record<string, string>) {
    const { csrf_token } = (await session.call(auth.csrf)).data;
    const { refused } = (await session.call(form, { form: { ...fields, csrfmiddlewaretoken: csrf_token } })).data;
    return refused?.reason || (refused && String(refused.code));
  }

  const isAdmin = (email: string) => email.toLowerCase() === settings.admin.email.toLowerCase();

  /** The password this account has as far as we know. */
  function passwordOf(email: string): string | undefined {
    const kept = vault.account(email)?.password;
    return isAdmin(email) ? (settings.admin.password ?? kept) : kept;
  }

  return {
    fresh,
    post,
    passwordOf,
    /** What to throw when a form was refused for this account. */
    refusal: (reason: string, email: string) =>
      formRefusal(reason, { email, isAdmin: isAdmin(email), notesFile: vault.notesFile }),
    /** Signed in with the password that is known; one session for each account. Throws when Plane does not let it in. */
    async as(email: string): Promise<PlaneSession> {
      const known = open.get(email.toLowerCase());
      if (known) return known;
      const password = passwordOf(email);
      const session = fresh();
      const refused =
        password === undefined
          ? "AUTHENTICATION_FAILED_SIGN_IN"
          : await post(session, auth.signIn, { email, password });
      if (refused !== undefined)
        throw formRefusal(refused, { email, isAdmin: isAdmin(email), notesFile: vault.notesFile });
      open.set(email.toLowerCase(), session);
      return session;
    },
    /** This session is now this account's. */
    keep: (email: string, session: PlaneSession) => void open.set(email.toLowerCase(), session),
  };
}
