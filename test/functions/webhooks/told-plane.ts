import { z } from "zod";
import type { Endpoint, PlaneCallOptions, PlaneClient, PlanePage } from "../../../shared/plane/endpoint.ts";
import { PlaneNotFoundError } from "../../../shared/plane/errors.ts";

const rowSchema = z.looseObject({
  id: z.string(),
  project: z.string().optional(),
  issue: z.string().optional(),
  updated_at: z.string(),
});
type Row = z.infer<typeof rowSchema>;
const deliverySchema = z.object({ event: z.string(), data: rowSchema });

/** What Plane knows without a delivery. */
interface KnownBefore {
  /** Projects in addition to those of deliveries; they have the fields of the first delivery, too. */
  projects?: { id: string; identifier: string; name: string }[];
  members?: Record<string, unknown>[];
}

/**
 * A simulated Plane that answers reads with the state that the deliveries so far have reported; `bodies` are all of
 * them.
 */
export function createToldPlane(bodies: readonly string[], { projects = [], members = [] }: KnownBefore = {}) {
  const known = new Map<string, Map<string, Row>>();
  const of = (event: string) => [...(known.get(event)?.values() ?? [])];
  const old = { id: "00000000-0000-4000-8000-000000000001", identifier: "OLD", created_at: "2026-01-01T00:00:00Z" };
  const rowsOf: Record<string, (item: string) => { project?: string | undefined }[]> = {
    projects_list: () => {
      const { data: first } = deliverySchema.parse(JSON.parse(bodies[0] ?? ""));
      const others = projects.map((project) => ({ ...first, created_at: old.created_at, ...project }));
      return [{ ...first, ...old }, ...others, ...of("project")].map((one) => ({
        ...one,
        is_member: true,
        member_role: 20,
        total_members: 1,
      }));
    },
    work_items_list: () => of("issue").sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1)),
    work_items_ids: () => of("issue"),
    comments_list: (item) => of("issue_comment").filter(({ issue }) => issue === item),
    cycles_list: () => of("cycle").map((cycle) => ({ ...cycle, ...NO_ISSUES })),
  };
  const date = "2026-11-21T04:33:00.000Z";
  const client: PlaneClient = {
    async call<A>({ operation, answer }: Endpoint<A>, { params = {} }: PlaneCallOptions = {}) {
      if (operation === "members_list") return { data: answer.parse(members), date };
      const found = of("issue").find(({ id }) => id === params["item"]);
      if (operation !== "work_items_get" || !found) throw new PlaneNotFoundError({ operation, noRoute: false }, "gone");
      return { data: answer.parse(found), date };
    },
    async *pages<R>({ operation, answer }: Endpoint<PlanePage<R>>, { params = {} }: PlaneCallOptions = {}) {
      const all = rowsOf[operation]?.(params["item"] ?? "") ?? [];
      const mine = all.filter((one) => operation === "projects_list" || one.project === params["project"]);
      const page = { results: mine, total_count: mine.length, next_cursor: "", next_page_results: false };
      yield { data: answer.parse(page), date };
    },
    capabilities: async () => ({ version: "1.2.2", relations: false }),
  };
  function learn(body: string) {
    const { event, data } = deliverySchema.parse(JSON.parse(body));
    const rows = known.get(event) ?? new Map<string, Row>();
    known.set(event, rows);
    const before = rows.get(data.id);
    if (!before || before.updated_at <= data.updated_at) rows.set(data.id, data);
  }
  return { client, learn };
}

const NO_ISSUES = {
  total_issues: 0,
  completed_issues: 0,
  cancelled_issues: 0,
  started_issues: 0,
  unstarted_issues: 0,
  backlog_issues: 0,
};
