import type { Manifest } from "../shared/deps.ts";
import { audit } from "./agent/audit.ts";
import { agentHttp } from "./agent/http.ts";
import { mcp } from "./agent/mcp.ts";
import { upload } from "./agent/upload.ts";
import { canary } from "./canary/tick.ts";
import { agents } from "./dashboard/agents.ts";
import { board } from "./dashboard/board.ts";
import { chat } from "./dashboard/chat.ts";
import { events } from "./dashboard/events.ts";
import { page } from "./dashboard/page.ts";
import { say } from "./dashboard/say.ts";
import { session } from "./dashboard/session.ts";
import { trim } from "./dashboard/trim.ts";
import { why } from "./dashboard/why.ts";
import { deadLetters } from "./dead-letters.ts";
import { forwardRules } from "./forward/rules.ts";
import { forward } from "./forward/send.ts";
import { health } from "./health.ts";
import { metrics } from "./metrics.ts";
import { cycles } from "./poll/cycles.ts";
import { jobs } from "./poll/jobs.ts";
import { observe } from "./poll/observe.ts";
import { poll } from "./poll/project-pass.ts";
import { ready } from "./ready.ts";
import { digest } from "./telegram/digest/tick.ts";
import { heard } from "./telegram/heard.ts";
import { liveRules } from "./telegram/live/rules.ts";
import { outbox } from "./telegram/outbox.ts";
import { polling } from "./telegram/polling.ts";
import { notifyRules } from "./telegram/rules.ts";
import { setUp } from "./telegram/set-up.ts";
import { ticks } from "./ticks.ts";
import { timeCsv } from "./time-csv.ts";
import { wakeRules } from "./wake/rules.ts";
import { wake } from "./wake/worker.ts";
import { inbox } from "./webhooks/inbox.ts";
import { planeWebhook } from "./webhooks/plane.ts";
import { telegramWebhook } from "./webhooks/telegram.ts";
import { workRules } from "./work/rules.ts";
import { claims } from "./work/tick.ts";
import { work } from "./work/worker.ts";

/** Everything the world can call, everything that happens by the clock, everything that works a queue. */
export const manifest: Manifest = {
  routes: [
    health,
    ready,
    metrics,
    timeCsv,
    planeWebhook,
    telegramWebhook,
    ticks,
    deadLetters,
    session,
    board,
    why,
    chat,
    say,
    agents,
    events,
    page,
    mcp,
    agentHttp,
    upload,
    audit,
  ],
  ticks: [poll, jobs, claims, cycles, canary, trim, digest],
  workers: [inbox, observe, outbox(), forward, work, wake, heard],
  services: [setUp, polling],
  consumers: (settings) => [
    notifyRules(settings.notifications, settings.telegram?.chat),
    liveRules(settings.notifications, settings.telegram?.chat),
    forwardRules(settings.forward),
    workRules(settings.agents),
    wakeRules(settings.agents),
  ],
};
