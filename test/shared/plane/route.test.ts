import { expect, test } from "vitest";
import { fillRoute, normalizeBaseUrl } from "../../../shared/plane/endpoint.ts";
import { workItemsApi } from "../../../shared/plane/work-items.ts";
import { captureError, createScriptedClient, PLANE_USER } from "./plane-client-harness.ts";

test("a route parameter stays one segment, and one that would lead to another route is refused", async () => {
  expect(fillRoute("/a/:item/b/", { item: "x/../y?z#ä" })).toBe("/a/x%2F..%2Fy%3Fz%23%C3%A4/b/");
  for (const item of ["", ".", ".."]) expect(() => fillRoute("/a/:item/b/", { item }), item).toThrow(RangeError);
  const { client, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }]);
  const withoutProject = client.call(workItemsApi.get, { params: { item: PLANE_USER.id } });
  expect(await captureError(withoutProject)).toBeInstanceOf(RangeError);
  expect(server.requests).toEqual([]);
});

test("Plane's address may end with slashes and have a path, and a wrong one is refused without being repeated", () => {
  for (const end of ["", "/", "///"])
    expect(normalizeBaseUrl(`https://plane.test/plane${end}`)).toBe("https://plane.test/plane");
  const userInfo = ["https://hunter22@plane.test", "https://:hunter22@plane.test"];
  for (const address of ["", "plane.test", "ftp://plane.test", ...userInfo, "https://plane.test/?key=hunter22"]) {
    expect(() => normalizeBaseUrl(address), address).toThrow(RangeError);
    expect(() => normalizeBaseUrl(address), address).not.toThrow("hunter22");
  }
});
