import { z } from "zod";
import type { Endpoint } from "../../shared/plane/client.ts";
import { instanceApi } from "../../shared/plane/instance.ts";

/** Only the fields that provision needs, because other versions of Plane may omit the rest. */
const instanceInfoSchema = z.object({
  instance: z.object({
    /** For example `1.3.1`; v1.2.2 says `1.2.0`. */
    current_version: z.string().default("of an unknown version"),
    edition: z.string().default("PLANE_COMMUNITY"),
    is_setup_done: z.boolean(),
  }),
  config: z
    .object({
      is_email_password_enabled: z.boolean().default(true),
      is_workspace_creation_disabled: z.boolean().default(false),
    })
    .prefault({}),
});
export type InstanceInfo = z.output<typeof instanceInfoSchema>;

/** Answer of Plane's api until its startup has registered the instance in its database. */
const notReadySchema = z.object({ is_activated: z.literal(false) }).transform(() => undefined);

/** Answers undefined until Plane is ready. */
export const instanceStateEndpoint: Endpoint<InstanceInfo | undefined> = {
  ...instanceApi.info,
  answer: z.union([instanceInfoSchema, notReadySchema]),
};
