import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { fillRoute, normalizeBaseUrl } from "../../../shared/plane/endpoint.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import { captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

test("a route parameter stays one segment, whatever it contains", () => {
  expect(fillRoute("/a/:item/b/", { item: "x/../y?z#ä" })).toBe("/a/x%2F..%2Fy%3Fz%23%C3%A4/b/");
});

test.each(["", ".", ".."])("the route parameter %j, which would lead to another route, is refused", (item) => {
  expect(() => fillRoute("/a/:item/b/", { item })).toThrow(RangeError);
});

test("a missing route parameter is refused before a request is sent", async () => {
  const { client, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }]);
  expect(await captureError(client.call(workItemsApi.get, { params: { item: PLANE_USER.id } }))).toBeInstanceOf(
    RangeError,
  );
  expect(server.requests).toEqual([]);
});

test.each(["/", "///", "/plane", "/plane/"])("Plane's address may end with %j", async (end) => {
  const { clientOptions, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }]);
  await createPlaneClient({ ...clientOptions, url: server.url + end }).call(usersApi.me);
  expect(server.requests[0]?.url).toBe(`${end.replace(/\/+$/, "")}/api/v1/users/me/`);
});

test.each([
  "",
  "plane.test",
  "ftp://plane.test",
  "https://hunter22@plane.test",
  "https://:hunter22@plane.test",
  "https://plane.test/?key=hunter22",
])("the address %j is refused without being repeated", (address) => {
  expect(() => normalizeBaseUrl(address)).toThrow(RangeError);
  expect(() => normalizeBaseUrl(address)).not.toThrow("hunter22");
});
