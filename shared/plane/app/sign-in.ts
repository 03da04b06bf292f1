import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { redirectSchema } from "../schema.ts";

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
  csrf: {
    operation: "auth_csrf",
    method: "GET",
    path: "/auth/get-csrf-token/",
    answer: z.object({ csrf_token: z.string().min(1) }),
  },
  signIn: { operation: "auth_sign_in", method: "POST", path: "/auth/sign-in/", answer: formOutcomeSchema },
  /** Refused with `SIGNUP_DISABLED` when sign-up is disabled and the address is not invited. */
  signUp: { operation: "auth_sign_up", method: "POST", path: "/auth/sign-up/", answer: formOutcomeSchema },
  emailCheck: {
    operation: "auth_email_check",
    method: "POST",
    path: "/auth/email-check/",
    answer: z.object({ existing: z.boolean(), status: z.string() }),
  },
} satisfies Record<string, Endpoint<unknown>>;
