import { z } from "zod";
import type { Endpoint } from "../client.ts";
import { formOutcomeSchema } from "./sign-in.ts";

const configurationsSchema = z.array(z.object({ key: z.string(), value: z.string().nullable(), category: z.string() }));

/** The instance's administrator signs in separately from the users, with another cookie. */
export const instanceAdminApi = {
  /** Refused with `ADMIN_ALREADY_EXIST` if there is an administrator. */
  signUp: {
    operation: "instance_admin_sign_up",
    method: "POST",
    path: "/api/instances/admins/sign-up/",
    answer: formOutcomeSchema,
  },
  signIn: {
    operation: "instance_admin_sign_in",
    method: "POST",
    path: "/api/instances/admins/sign-in/",
    answer: formOutcomeSchema,
  },
  configurations: {
    operation: "instance_configurations",
    method: "GET",
    path: "/api/instances/configurations/",
    answer: configurationsSchema,
  },
  /** Takes `{ KEY: value }`, for example `{ ENABLE_SIGNUP: "0" }`; answers the changed entries. */
  configure: {
    operation: "instance_configure",
    method: "PATCH",
    path: "/api/instances/configurations/",
    answer: configurationsSchema,
  },
} satisfies Record<string, Endpoint<unknown>>;
