import { expect, test } from "vitest";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import { captureError, createScriptedClient, NOT_FOUND_RESPONSE, PLANE_USER } from "./plane-client-harness.ts";

const params = { project: "d8d562c1-052e-4994-bbe2-1e0d1be72c34", item: PLANE_USER.id };

test("each request to Plane is counted by operation and status and timed by method and route pattern, and retries are counted", async () => {
  const { client, counted: reportedTotals } = await createScriptedClient([
    { status: 502, body: "" },
    (_request, response) => response.destroy(),
    NOT_FOUND_RESPONSE,
  ]);
  await captureError(client.call(workItemsApi.get, { params }));
  const timed = { method: "GET", endpoint: "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/" };
  const calls = (status: string) => ({
    name: "plane_api_calls_total",
    labels: { operation: "work_items_get", status },
  });
  const time = { name: "plane_api_request_duration_seconds", labels: timed, seconds: 0 };
  const again = { name: "plane_api_retry_total", labels: { operation: "work_items_get" } };
  expect(reportedTotals).toEqual([time, calls("502"), again, time, calls("none"), again, time, calls("404")]);
});
