/** Series of one alert, in promtool's notation (`0x10`: ten more times 0), each at intervals of one minute. */
export interface AlertCase {
  /** With these series the alert fires. */
  fires: Record<string, string>;
  /** With these it does not: the series are there, but all is well, or nearly bad. */
  quiet: Record<string, string>;
  /** Minutes after which the alert is looked at. By default 40. */
  after?: number;
}

const CADDY = 'caddy_http_request_duration_seconds_count{handler="subroute",method="GET"';
const PLANE = 'host="work.example.com"}';
const WEBHOOKS = 'groundcrew_webhooks_total{source="plane"';
const CLAIMS = "groundcrew_claims_ended_total{reason=";
const UPDATES = "plane_updates_total{status=";
const CONTAINER = '{name="groundcrew"}';
const DISK = '{device="/dev/vda1",mountpoint="/disk"}';

/** The series of one metric with values for which the alert fires and others for which it does not, beside `others`. */
const createCase = (series: string, fires: string, quiet: string, others: Record<string, string> = {}): AlertCase => ({
  fires: { [series]: fires, ...others },
  quiet: { [series]: quiet, ...others },
});

/** A case for every alert. Values of the quiet series are close to the limit where there is one. */
export const ALERT_CASES: Record<string, AlertCase> = {
  GroundcrewDown: createCase('up{job="groundcrew"}', "1x10 0x30", "1x40"),
  PlaneDown: createCase("groundcrew_plane_up", "1x36 0x4", "1x38 0x2"),
  StoreDown: createCase("groundcrew_store_up", "1x10 0x30", "1x40"),
  StoreMemoryHigh: createCase('groundcrew_store_memory_used_ratio{engine="redis"}', "0.81x40", "0.8x40"),
  StoreDiskFull: createCase('groundcrew_store_disk_free_bytes{engine="file"}', "1000000000x40", "1073741824x40"),
  QueueLong: {
    fires: { 'groundcrew_queue_depth{queue="inbox"}': "101x40", 'groundcrew_queue_depth{queue="wake"}': "3x40" },
    quiet: { 'groundcrew_queue_depth{queue="inbox"}': "100x40" },
  },
  QueueLate: createCase('groundcrew_queue_age_seconds{queue="outbox"}', "0+60x40", "300x40"),
  FailedJobs: createCase('groundcrew_dead_letters{queue="inbox"}', "0x39 1", "0x40"),
  WebhooksSilent: createCase('groundcrew_webhooks_silent{source="plane"}', "0x38 1 1", "0x40"),
  WebhooksRefused: {
    fires: { [`${WEBHOOKS},outcome="unauthorized"}`]: "0+1x40" },
    quiet: { [`${WEBHOOKS},outcome="unauthorized"}`]: "1x40", [`${WEBHOOKS},outcome="kept"}`]: "0+9x40" },
  },
  PollingStopped: createCase('groundcrew_ticks_total{tick="poll",outcome="ok"}', "7x40", "0+0.2x40"),
  RateLimitHold: createCase('groundcrew_hold_seconds{system="plane"}', "0x38 180 120", "0x40"),
  PlaneQuotaUsed: createCase('groundcrew_plane_quota_left{key="Thot"}', "3x40", "3x30 20 3x9", {
    'groundcrew_plane_quota{key="Thot"}': "60x40",
  }),
  ClaimsExpire: {
    fires: { [`${CLAIMS}"expired"}`]: "0x30 1 2 3x30" },
    quiet: { [`${CLAIMS}"expired"}`]: "0x30 1 2x30", [`${CLAIMS}"finished"}`]: "0+1x70" },
    after: 60,
  },
  BudgetNearlyUsed: { fires: createBudget(70, 10), quiet: createBudget(70, 9) },
  BudgetUsed: { fires: createBudget(70, 30), quiet: createBudget(70, 29) },
  RunnerAway: {
    fires: { groundcrew_ticket_runners: "1x20 0x20", plane_active_sessions: "2x40" },
    // Without an approved ticket nobody needs a runner, and one that restarts is back in time.
    quiet: { groundcrew_ticket_runners: "1x10 0x3 1x12 0x14", plane_active_sessions: "2x25 0x14" },
  },
  TicketUpdatesFail: {
    fires: { [`${UPDATES}"failed_comment"}`]: "0x30 1x10" },
    quiet: { [`${UPDATES}"failed_state"}`]: "3x40", [`${UPDATES}"success"}`]: "0+1x40" },
  },
  TicketsWait: {
    fires: { 'groundcrew_ticket_wait_seconds{kind="approval"}': "84000+60x80" },
    quiet: {
      'groundcrew_ticket_wait_seconds{kind="approval"}': "86400x80",
      // Resumed after a long time, it waits for a runner only for a moment.
      'groundcrew_ticket_wait_seconds{kind="runner"}': "0x30 90000x10 0x40",
    },
    after: 80,
  },
  SessionsFail: createCase("groundcrew_session_failures", "0x20 1 2 3 0x17", "0x20 1 2 0x18"),
  BackupOld: createCase("groundcrew_backup_age_seconds", "93660x40", "93600x40"),
  BackupCopyOld: {
    // The local backups are fresh: only their copies are missing.
    ...createCase("groundcrew_backup_copy_age_seconds", "93660x180", "93600x180", {
      groundcrew_backup_age_seconds: "3600x180",
    }),
    after: 180,
  },
  TargetDown: {
    fires: { 'up{job="redis",instance="redis-exporter:9121"}': "1x20 0x20" },
    quiet: { 'up{job="redis",instance="redis-exporter:9121"}': "1x40", 'up{job="groundcrew"}': "0x40" },
  },
  PlaneErrors: {
    fires: { [`${CADDY},code="200"}`]: "0+90x40", [`${CADDY},code="502"}`]: "0+10x40" },
    quiet: {
      ...{ [`${CADDY},code="200",${PLANE}`]: "0+98x40", [`${CADDY},code="502",${PLANE}`]: "0+2x40" },
      [`${CADDY},code="502",host="crew.example.com"}`]: "0+90x40",
    },
  },
  PostgresDown: createCase("pg_up", "1x20 0x20", "1x40"),
  PostgresConnectionsHigh: { fires: createConnections(60, 21), quiet: createConnections(60, 20) },
  RedisDown: createCase("redis_up", "1x20 0x20", "1x40"),
  RedisMemoryHigh: {
    fires: { redis_memory_used_bytes: "81x40", redis_memory_max_bytes: "100x40" },
    // A Redis without a limit reports 0.
    quiet: {
      ...{ 'redis_memory_used_bytes{instance="a"}': "80x40", 'redis_memory_max_bytes{instance="a"}': "100x40" },
      ...{ 'redis_memory_used_bytes{instance="b"}': "80x40", 'redis_memory_max_bytes{instance="b"}': "0x40" },
    },
  },
  PlaneQueueLong: createCase("rabbitmq_queue_messages_ready", "101x40", "100x40"),
  PlaneBeatDown: createContainerCase("beat-worker"),
  PlaneSpaceDown: createContainerCase("space"),
  PlaneLiveDown: createContainerCase("live"),
  ContainerMemoryHigh: createCase(`container_memory_working_set_bytes${CONTAINER}`, "91x40", "90x40", {
    [`container_spec_memory_limit_bytes${CONTAINER}`]: "100x40",
  }),
  DiskFull: createCase(`node_filesystem_avail_bytes${DISK}`, "9x40", "10x40", {
    [`node_filesystem_size_bytes${DISK}`]: "100x40",
  }),
  ServerMemoryLow: createCase("node_memory_MemAvailable_bytes", "4x40", "5x40", {
    node_memory_MemTotal_bytes: "100x40",
  }),
};

/** A budget of 100, as two processes on one store report it. */
function createBudget(spent: number, open: number): Record<string, string> {
  const series = ["a", "b"].map((instance) => ({
    [`groundcrew_budget_spent{source="agents",instance="${instance}"}`]: `${spent}x40`,
    [`groundcrew_budget_open{instance="${instance}"}`]: `${open}x40`,
    [`groundcrew_budget{instance="${instance}"}`]: "100x40",
  }));
  return Object.assign({}, ...series);
}

/** A container that becomes unhealthy; one that was restarted, and others that are unhealthy or have no check. */
function createContainerCase(service: string): AlertCase {
  const health = (name: string) => `container_health_state{name="${name}"}`;
  return {
    fires: { [health(`groundcrew-${service}-1`)]: "1x30 0x10" },
    quiet: {
      ...{ [health(`groundcrew-${service}-1`)]: "1x30 0x3 1x7", [health("groundcrew-web-1")]: "0x40" },
      ...{ [health(`groundcrew-${service}`)]: "0x40", [health("other-1")]: "-1x40" },
    },
  };
}

function createConnections(active: number, idle: number): Record<string, string> {
  return {
    'pg_stat_activity_count{instance="p",state="active",datname="plane"}': `${active}x40`,
    'pg_stat_activity_count{instance="p",state="idle",datname="plane"}': `${idle}x40`,
    'pg_settings_max_connections{instance="p"}': "100x40",
  };
}
