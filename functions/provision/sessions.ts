import { z } from "zod";
import { noMetrics } from "../../shared/metrics.ts";
import { accounts } from "../../shared/plane/app/account.ts";
import { createPlaneSession, type PlaneSession } from "../../shared/plane/app/session.ts";
import { auth, type formOutcome } from "../../shared/plane/app/sign-in.ts";
import type { Endpoint } from "../../shared/plane/client.ts";
import { PlaneAuthError, PlaneRateLimitedError, PlaneUnavailableError } from "../../shared/plane/errors.ts";
import type { Ms } from "../../shared/store/port.ts";
import type { ProvisionDeps } from "./context.ts";
import { formLost, formRefusal, sessionLost } from "./refusals.ts";
import type { Vault } from "./vault.ts";

type Outcome = z.output<typeof formOutcome>;

interface SessionsDeps extends Pick<ProvisionDeps, "settings" | "fetch" | "clock" | "wait"> {
  vault: Vault;
}

export type Sessions = ReturnType<typeof createSessions>;

/** A 429 that asks for more is told, not waited for. */
const LONGEST: Ms = 120_000;
const TRIES = 3;
/** Before a read that got no answer is tried again. */
const PAUSES: readonly Ms[] = [1_000, 3_000];

const who = { ...accounts.me, answer: z.object({ email: z.string() }) };

/** Browsers' worth of Plane, one for each account that provision works as. */
export function createSessions({ settings, fetch, clock, wait, vault }: SessionsDeps) {
  const open = new Map<string, PlaneSession>();
  const isAdmin = (email: string) => email.toLowerCase() === settings.admin.email.toLowerCase();

  /** Nobody's session yet. What Plane refuses for its rate limit it has not done, so it is asked again. */
  function fresh(pauses: readonly Ms[] = PAUSES): PlaneSession {
    const session = createPlaneSession({ url: settings.plane.url, fetch, clock, metrics: noMetrics });
    return {
      async call(endpoint, options) {
        for (let limited = 0, silent = 0; ; ) {
          try {
            return await session.call(endpoint, options);
          } catch (thrown) {
            const pause = pauses[silent];
            if (thrown instanceof PlaneRateLimitedError && thrown.retryAfter <= LONGEST && limited < TRIES) {
              limited += 1;
              await wait(thrown.retryAfter);
            } else if (thrown instanceof PlaneUnavailableError && endpoint.method === "GET" && pause !== undefined) {
              silent += 1;
              await wait(pause);
            } else throw thrown;
          }
        }
      },
    };
  }

  /** Posts a form of Plane's pages; answers why it was refused, undefined when it was not. */
  async function post(session: PlaneSession, form: Endpoint<Outcome>, fields: Record<string, string>) {
    const { csrf_token } = (await session.call(auth.csrf)).data;
    try {
      const { refused } = (await session.call(form, { form: { ...fields, csrfmiddlewaretoken: csrf_token } })).data;
      return refused?.reason || (refused && String(refused.code));
    } catch (thrown) {
      throw formLost(thrown, settings.plane.url);
    }
  }

  /** The password this account has as far as we know. */
  function passwordOf(email: string): string | undefined {
    const kept = vault.account(email)?.password;
    return isAdmin(email) ? (settings.admin.password ?? kept) : kept;
  }

  const refusal = (reason: string, email: string) =>
    formRefusal(reason, { email, isAdmin: isAdmin(email), notesFile: vault.notesFile });

  /** This session is this account's from now on. Throws when Plane does not know it for that. */
  async function keep(email: string, session: PlaneSession): Promise<PlaneSession> {
    const known = await session.call(who).catch((thrown: unknown) => {
      if (thrown instanceof PlaneAuthError) return undefined;
      throw thrown;
    });
    if (known?.data.email.toLowerCase() !== email.toLowerCase()) throw sessionLost(email, settings.plane.url);
    open.set(email.toLowerCase(), session);
    return session;
  }

  return {
    fresh,
    post,
    passwordOf,
    /** What to throw when a form was refused for this account. */
    refusal,
    keep,
    /** Signed in with the password that is known; one session for each account. Throws when Plane does not let it in. */
    async as(email: string): Promise<PlaneSession> {
      const known = open.get(email.toLowerCase());
      if (known) return known;
      const password = passwordOf(email);
      if (password === undefined) throw refusal("AUTHENTICATION_FAILED_SIGN_IN", email);
      const session = fresh();
      const refused = await post(session, auth.signIn, { email, password });
      if (refused !== undefined) throw refusal(refused, email);
      return keep(email, session);
    },
  };
}
