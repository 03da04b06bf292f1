/** Records metrics; each runtime decides how they are exposed. Names and labels are part of the public interface. */
export interface Metrics {
  /** Adds to a counter. Label values must be bounded (operations, routes, outcomes), never ids. */
  count(name: CounterName, labels?: Record<string, string>, by?: number): void;
  /** Records a duration in seconds. */
  observe(name: HistogramName, seconds: number, labels?: Record<string, string>): void;
}

export type CounterName = keyof typeof COUNTERS;
export type HistogramName = keyof typeof HISTOGRAMS;

interface MetricDefinition {
  help: string;
  labels: readonly string[];
  /** Bounds of the histogram's buckets in seconds. Default: those for requests and ticks. */
  buckets?: readonly number[];
}

export const COUNTERS = {
  plane_api_calls_total: { help: "Requests to Plane.", labels: ["operation", "status"] },
  plane_api_retry_total: { help: "Requests to Plane that were repeated.", labels: ["operation"] },
  groundcrew_webhooks_total: {
    help: "Webhook deliveries of `plane` and `telegram`, by outcome: `kept`, an error code, or `broken` (no answer, will be repeated).",
    labels: ["source", "outcome"],
  },
  groundcrew_events_total: { help: "Events found by comparing snapshots.", labels: ["event"] },
  groundcrew_actions_total: { help: "Jobs that rules requested.", labels: ["target"] },
  groundcrew_jobs_total: {
    help: "Attempts of jobs, by outcome: `done`, `retry` or `dead` (failed permanently).",
    labels: ["queue", "outcome"],
  },
  groundcrew_ticks_total: {
    help: "Runs of ticks, by outcome: `ok`, `error` or `elsewhere` (another process runs it).",
    labels: ["tick", "outcome"],
  },
  groundcrew_wakes_total: { help: "Wakes of agents, by outcome: `sent` or `failed`.", labels: ["agent", "outcome"] },
  groundcrew_claims_ended_total: {
    help: "Claims that ended: `finished` by the agent, `expired` (the agent fell silent), `moved`, `reassigned` or `stopped` by people, or `deleted` with the project.",
    labels: ["reason"],
  },
  groundcrew_telegram_calls_total: { help: "Calls of the Bot API, by outcome.", labels: ["method", "outcome"] },
  plane_tickets_approved_total: { help: "Approved tickets.", labels: [] },
  groundcrew_tickets_rejected_total: { help: "Rejected tickets.", labels: [] },
  plane_tickets_completed_total: { help: "Tickets whose session completed.", labels: [] },
  plane_updates_total: {
    help: "Updates of Plane with the result of a ticket: `success`, `failed_comment` or `failed_state`.",
    labels: ["status"],
  },
  groundcrew_agent_calls_total: {
    help: "Calls of agents' tools, by outcome: `ok` or an error code.",
    labels: ["tool", "outcome"],
  },
} as const satisfies Record<string, MetricDefinition>;

export const HISTOGRAMS = {
  plane_api_request_duration_seconds: { help: "Duration of requests to Plane.", labels: ["method", "endpoint"] },
  groundcrew_request_duration_seconds: { help: "Duration of requests to Groundcrew.", labels: ["method", "route"] },
  plane_session_duration_seconds: {
    help: "Time from the approval of a ticket to its completion.",
    labels: [],
    // From a minute to a day, which the longest session may take.
    buckets: [60, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400],
  },
  groundcrew_agent_call_duration_seconds: { help: "Duration of calls of agents' tools.", labels: ["tool"] },
  groundcrew_spawned_run_duration_seconds: {
    help: "Runs of agents that other agents started, by outcome, `ok` or `failed`, where OpenClaw's command is on this machine.",
    labels: ["outcome"],
    // From a second to an hour; OpenClaw ends most after half an hour.
    buckets: [1, 5, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600],
  },
  groundcrew_tick_duration_seconds: { help: "Duration of ticks.", labels: ["tick"] },
} as const satisfies Record<string, MetricDefinition>;

/** Discards all metrics: for tests and for hosts that nothing scrapes. */
export const noMetrics: Metrics = { count() {}, observe() {} };
