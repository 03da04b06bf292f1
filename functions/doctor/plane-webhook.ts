import type { PlaneSettings } from "../../shared/config.ts";
import { messageOf } from "../../shared/errors.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { createPlaneSession } from "../../shared/plane/app/session.ts";
import { auth } from "../../shared/plane/app/sign-in.ts";
import { webhooks } from "../../shared/plane/app/webhooks.ts";
import { type Check, failed, ok, warning } from "./check.ts";
import type { AskDeps } from "./plane-ask.ts";

/** An account that may read the workspace's webhooks: no API key can. */
export interface Account {
  email: string;
  password: string;
}

/** What came of reading Plane's list of webhooks. */
export type WebhookSeen =
  | { kind: "not read"; why: string }
  | { kind: "none"; others: number }
  | { kind: "found"; active: boolean; ours: boolean; missing: string[]; refused: number; recent: number };

/** The events Groundcrew makes use of. */
const EVENTS = ["issue", "issue_comment", "project", "cycle"] as const;

/** Reads, with a person's account, what Plane has registered for `target`. */
export async function seeWebhook(
  { fetch, clock }: AskDeps,
  plane: PlaneSettings,
  target: string,
  account: Account,
): Promise<WebhookSeen> {
  const session = createPlaneSession({ url: plane.url, fetch, clock, metrics: noMetrics, timeout: 10_000 });
  const params = { workspace: plane.workspace };
  try {
    const { csrf_token } = (await session.call(auth.csrf)).data;
    const form = { ...account, csrfmiddlewaretoken: csrf_token };
    const { refused } = (await session.call(auth.signIn, { form })).data;
    if (refused) return { kind: "not read", why: `Plane does not sign in ${account.email}: ${refused.reason}` };
    const { data: all } = await session.call(webhooks.list, { params });
    const hook = all.find(({ url }) => url === target);
    if (!hook) return { kind: "none", others: all.length };
    // Plane sends all of it, with every body: where that is too much, the rest is known all the same.
    const log = await session.call(webhooks.log, { params: { ...params, webhook: hook.id } }).catch(() => undefined);
    const recent = log?.data.slice(0, 20) ?? [];
    return {
      kind: "found",
      active: hook.is_active,
      ours: plane.webhookSecrets.includes(hook.secret_key),
      missing: EVENTS.filter((event) => !hook[event]),
      refused: recent.filter(({ response_status: status }) => !/^2\d\d$/.test(status ?? "")).length,
      recent: recent.length,
    };
  } catch (thrown) {
    return { kind: "not read", why: messageOf(thrown).replaceAll(account.password, "[secret]") };
  }
}

/** `comesBack`: the runtime has seen its canary's webhook come back lately, which no list of Plane's can tell. */
export function webhookCheck(
  plane: Pick<PlaneSettings, "webhookSecrets">,
  target: string | undefined,
  seen: WebhookSeen,
  comesBack: boolean,
): Check {
  const name = "plane webhook";
  if (plane.webhookSecrets.length === 0)
    return warning(
      name,
      "none is expected: changes are seen only by polling",
      "Set PLANE_WEBHOOK_SECRET, or `npm run provision`.",
    );
  if (target === undefined)
    return warning(name, "where Plane should send to is not known", "Set PUBLIC_URL or PLANE_WEBHOOK_TARGET.");
  switch (seen.kind) {
    case "not read": {
      if (comesBack) return ok(name, `${target} is called by Plane: the last canary came back`);
      const look = "no API key can read it";
      return warning(
        name,
        `${seen.why}: ${look}`,
        `Look in Plane under Workspace settings, Webhooks: ${target} must be there and switched on. Or give PLANE_ADMIN_EMAIL and PLANE_ADMIN_PASSWORD for this command alone.`,
      );
    }
    case "none":
      return failed(
        name,
        `Plane has none for ${target} (${seen.others} for other addresses)`,
        "`npm run provision`, or add it in Plane.",
      );
    case "found":
      return found(name, target, seen);
  }
}

function found(name: string, target: string, seen: Extract<WebhookSeen, { kind: "found" }>): Check {
  if (!seen.active)
    return failed(
      name,
      `${target} is switched off: Plane does so when nobody answered its calls`,
      "Make the address reachable, then `npm run provision`, or switch it on in Plane.",
    );
  if (!seen.ours)
    return failed(
      name,
      `${target} has another secret than PLANE_WEBHOOK_SECRET`,
      "`npm run provision -- --rotate webhook`, or copy it from Plane.",
    );
  if (seen.missing.length > 0)
    return failed(
      name,
      `${target} is not told of ${seen.missing.join(", ")}`,
      "`npm run provision`, or tick them in Plane.",
    );
  if (seen.refused > 0)
    return warning(
      name,
      `${seen.refused} of Plane's last ${seen.recent} calls of ${target} were refused or not answered`,
      "The runtime's log tells why (webhook not kept); a proxy in front of it may, too.",
    );
  return ok(name, `${target} is switched on${seen.recent > 0 ? `, its last ${seen.recent} calls were taken` : ""}`);
}
