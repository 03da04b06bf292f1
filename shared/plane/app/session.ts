/**
 * A session of Plane's web interface, which can do what the API for keys cannot: sign in with its cookies and call its
 * endpoints. Only provision and doctor use it.
 */

import { z } from "zod";
import {
  type Endpoint,
  fillRoute,
  get,
  normalizeBaseUrl,
  type PlaneAnswer,
  type PlaneCallOptions,
  post,
  redirectSchema,
} from "../endpoint.ts";
import { createRequestSender, type PlaneRequestOptions, parseReply } from "../request.ts";

interface SessionCallOptions extends Omit<PlaneCallOptions, "priority"> {
  /** Sent as an HTML form would be, instead of `json`. */
  form?: Record<string, string>;
}

/** A browser session with Plane: the API of Plane's own pages, with the cookies of the signed-in account. */
export interface PlaneSession {
  call<A>(endpoint: Endpoint<A>, options?: SessionCallOptions): Promise<PlaneAnswer<A>>;
}

/**
 * Plane always answers a form with a redirect. Its query contains the reason of a refusal, for example
 * `USER_ALREADY_EXIST`.
 */
export const formOutcomeSchema = redirectSchema.transform(({ location }) => {
  const query = URL.canParse(location, "http://plane.invalid")
    ? new URL(location, "http://plane.invalid").searchParams
    : undefined;
  const code = query?.get("error_code");
  return { refused: code ? { code: Number(code), reason: query?.get("error_message") ?? "" } : undefined };
});

/** The forms take `{ email, password, csrfmiddlewaretoken }`; the token comes from `csrf` in the same session. */
export const authApi = {
  csrf: get("auth_csrf", "/auth/get-csrf-token/", z.object({ csrf_token: z.string().min(1) })),
  signIn: post("auth_sign_in", "/auth/sign-in/", formOutcomeSchema),
  /** Refused with `SIGNUP_DISABLED` when sign-up is disabled and the address is not invited. */
  signUp: post("auth_sign_up", "/auth/sign-up/", formOutcomeSchema),
  emailCheck: post("auth_email_check", "/auth/email-check/", z.object({ existing: z.boolean(), status: z.string() })),
};

/** The instance's administrator signs in separately from the users, with another cookie. */
export const instanceAdminApi = {
  /** Refused with `ADMIN_ALREADY_EXIST` if there is an administrator. */
  signUp: post("instance_admin_sign_up", "/api/instances/admins/sign-up/", formOutcomeSchema),
};

/**
 * Creates a session for the parts of Plane that API keys cannot access: accounts, workspaces, tokens, webhooks. It is
 * not signed in at first. Each call is one request with the timeout and the errors of the client, but without its quota
 * and its retries, because provision reads the state again and repeats its steps.
 */
export function createPlaneSession(options: PlaneRequestOptions & { url: string }): PlaneSession {
  const base = normalizeBaseUrl(options.url);
  const request = createRequestSender(options);
  const cookies = createCookieJar(options.clock);

  return {
    async call(endpoint, { params, query, json, form } = {}) {
      const reply = await request({
        operation: endpoint.operation,
        method: endpoint.method,
        route: endpoint.path,
        url: base + fillRoute(endpoint.path, params ?? {}),
        // Over https Plane accepts a form only with its own address as the referer.
        headers: { ...cookies.header(), referer: `${base}/` },
        query,
        body: form ? new URLSearchParams(form) : json,
      });
      cookies.take(reply.headers);
      return parseReply(endpoint, reply);
    },
  };
}

/**
 * The cookies of one server, in memory for one session. Ignores paths and domains, because cookies are sent to this
 * server only.
 */
function createCookieJar(clock: () => number) {
  const cookies = new Map<string, string>();

  return {
    take(headers: Headers) {
      for (const line of headers.getSetCookie()) {
        const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
        const [, name, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
        if (name === undefined || value === undefined) continue;
        if (isExpired(attributes, clock())) cookies.delete(name);
        else cookies.set(name, value);
      }
    },
    header(): Record<string, string> {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      return cookie === "" ? {} : { cookie };
    },
  };
}

function isExpired(attributes: string[], now: number): boolean {
  const value = (name: string) =>
    attributes.find((text) => text.toLowerCase().startsWith(`${name}=`))?.slice(name.length + 1);
  const maxAge = value("max-age");
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  return Date.parse(value("expires") ?? "") <= now;
}
