import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { formOutcome } from "./sign-in.ts";

const configurations = z.array(z.object({ key: z.string(), value: z.string().nullable(), category: z.string() }));

/** The instance's administrator signs in apart from the users, with a cookie of its own. */
export const instanceAdmin = {
  /** Refused with `ADMIN_ALREADY_EXIST` from the second time on. */
  signUp: {
    operation: "instance_admin_sign_up",
    method: "POST",
    path: "/api/instances/admins/sign-up/",
    answer: formOutcome,
  },
  signIn: {
    operation: "instance_admin_sign_in",
    method: "POST",
    path: "/api/instances/admins/sign-in/",
    answer: formOutcome,
  },
  configurations: {
    operation: "instance_configurations",
    method: "GET",
    path: "/api/instances/configurations/",
    answer: configurations,
  },
  /** Takes `{ KEY: value }`, for example `{ ENABLE_SIGNUP: "0" }`; answers those it changed. */
  configure: {
    operation: "instance_configure",
    method: "PATCH",
    path: "/api/instances/configurations/",
    answer: configurations,
  },
} satisfies Record<string, Endpoint<unknown>>;
