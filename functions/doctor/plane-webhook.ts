import type { PlaneSettings } from "../../shared/config/settings.ts";
import { getErrorMessage } from "../../shared/errors.ts";
import { noMetrics } from "../../shared/metrics.ts";
import { createPlaneSession } from "../../shared/plane/app/session.ts";
import { authApi } from "../../shared/plane/app/sign-in.ts";
import { webhooksApi } from "../../shared/plane/app/webhooks.ts";
import { type DoctorCheck, reportFailure, reportOk, reportWarning } from "./check.ts";
import type { QueryDeps } from "./plane-query.ts";

/** An account that may read the workspace's webhooks: no API key can. */
export interface PlaneLogin {
  email: string;
  password: string;
}

/** What came of reading Plane's list of webhooks. */
export type WebhookProbe =
  | { kind: "not read"; why: string }
  | { kind: "none"; others: number }
  | { kind: "found"; active: boolean; ours: boolean; missing: string[]; refused: number; recent: number };

/** The events Groundcrew makes use of. */
const EVENTS = ["issue", "issue_comment", "project", "cycle"] as const;

/** Reads, with a person's account, what Plane has registered for `target`. */
export async function probePlaneWebhook(
  { fetch, clock }: QueryDeps,
  plane: PlaneSettings,
  target: string,
  account: PlaneLogin,
): Promise<WebhookProbe> {
  const session = createPlaneSession({ url: plane.url, fetch, clock, metrics: noMetrics, timeout: 10_000 });
  const params = { workspace: plane.workspace };
  try {
    const { csrf_token } = (await session.call(authApi.csrf)).data;
    const form = { ...account, csrfmiddlewaretoken: csrf_token };
    const { refused } = (await session.call(authApi.signIn, { form })).data;
    if (refused) return { kind: "not read", why: `Plane does not sign in ${account.email}: ${refused.reason}` };
    const { data: all } = await session.call(webhooksApi.list, { params });
    const webhook = all.find(({ url }) => url === target);
    if (!webhook) return { kind: "none", others: all.length };
    // Plane sends all of it, with every body: where that is too much, the rest is known all the same.
    const log = await session
      .call(webhooksApi.log, { params: { ...params, webhook: webhook.id } })
      .catch(() => undefined);
    const recent = log?.data.slice(0, 20) ?? [];
    return {
      kind: "found",
      active: webhook.is_active,
      ours: plane.webhookSecrets.includes(webhook.secret_key),
      missing: EVENTS.filter((event) => !webhook[event]),
      refused: recent.filter(({ response_status: status }) => !/^2\d\d$/.test(status ?? "")).length,
      recent: recent.length,
    };
  } catch (thrown) {
    return { kind: "not read", why: getErrorMessage(thrown).replaceAll(account.password, "[secret]") };
  }
}

/** `comesBack`: the runtime has seen its canary's webhook come back lately, which no list of Plane's can tell. */
export function checkPlaneWebhook(
  plane: Pick<PlaneSettings, "webhookSecrets">,
  target: string | undefined,
  probe: WebhookProbe,
  hasCanary: boolean,
): DoctorCheck {
  const name = "plane webhook";
  if (plane.webhookSecrets.length === 0)
    return reportWarning(
      name,
      "none is expected: changes are seen only by polling",
      "Set PLANE_WEBHOOK_SECRET, or `npm run provision`.",
    );
  if (target === undefined)
    return reportWarning(name, "where Plane should send to is not known", "Set PUBLIC_URL or PLANE_WEBHOOK_TARGET.");
  switch (probe.kind) {
    case "not read": {
      if (hasCanary) return reportOk(name, `${target} is called by Plane: the last canary came back`);
      const reason = "no API key can read it";
      return reportWarning(
        name,
        `${probe.why}: ${reason}`,
        `Look in Plane under Workspace settings, Webhooks: ${target} must be there and switched on. Or give PLANE_ADMIN_EMAIL and PLANE_ADMIN_PASSWORD for this command alone.`,
      );
    }
    case "none":
      return reportFailure(
        name,
        `Plane has none for ${target} (${probe.others} for other addresses)`,
        "`npm run provision`, or add it in Plane.",
      );
    case "found":
      return checkFoundWebhook(name, target, probe);
  }
}

function checkFoundWebhook(name: string, target: string, probe: Extract<WebhookProbe, { kind: "found" }>): DoctorCheck {
  if (!probe.active)
    return reportFailure(
      name,
      `${target} is switched off: Plane does so when nobody answered its calls`,
      "Make the address reachable, then `npm run provision`, or switch it on in Plane.",
    );
  if (!probe.ours)
    return reportFailure(
      name,
      `${target} has another secret than PLANE_WEBHOOK_SECRET`,
      "`npm run provision -- --rotate webhook`, or copy it from Plane.",
    );
  if (probe.missing.length > 0)
    return reportFailure(
      name,
      `${target} is not told of ${probe.missing.join(", ")}`,
      "`npm run provision`, or tick them in Plane.",
    );
  if (probe.refused > 0)
    return reportWarning(
      name,
      `${probe.refused} of Plane's last ${probe.recent} calls of ${target} were refused or not answered`,
      "The runtime's log tells why (webhook not kept); a proxy in front of it may, too.",
    );
  return reportOk(
    name,
    `${target} is switched on${probe.recent > 0 ? `, its last ${probe.recent} calls were taken` : ""}`,
  );
}
