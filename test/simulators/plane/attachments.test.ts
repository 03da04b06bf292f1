import { expect, test } from "vitest";
import { createPlaneFixture } from "./plane-fixture.ts";

const upload = async (data: { url: string; fields: Record<string, string> }, bytes: Uint8Array<ArrayBuffer>) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(data.fields)) form.set(name, value);
  form.set("file", new File([bytes], "report.md"));
  return (await fetch(data.url, { method: "POST", body: form })).status;
};
const text = new Uint8Array(Buffer.from("# Report\n\nIt is up.\n"));

test("an uploaded attachment is listed once confirmed and can be downloaded from a signed address", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  const item = plane.addItem(project, { name: "x" });
  const path = `${root}/work-items/${item.id}/attachments/`;
  const { body } = await api("POST", path, { name: "my report.md", type: "text/markdown", size: text.length });
  expect((await api("GET", path)).body).toEqual([]);
  expect(await upload(body.upload_data, text)).toBe(204);
  expect((await api("PATCH", `${path}${body.asset_id}/`, { is_uploaded: true })).status).toBe(204);
  expect((await api("GET", path)).body).toHaveLength(1);
  const { status, headers } = await api("GET", `${path}${body.asset_id}/`);
  expect(status).toBe(302);
  const location = headers.get("location") ?? "";
  expect(new Uint8Array(await (await fetch(location)).arrayBuffer())).toEqual(text);
  const changeSignature = (_: string, start: string) => `Signature=${start === "00" ? "01" : "00"}`;
  expect((await fetch(location.replace(/Signature=(..)/, changeSignature))).status).toBe(403);
});

test("a declared attachment size above the limit is reduced to it, and the storage then refuses the larger upload", async () => {
  const { plane, project, api, root } = await createPlaneFixture({ fileSizeLimit: 10 });
  const item = plane.addItem(project, { name: "x" });
  const { status, body } = await api("POST", `${root}/work-items/${item.id}/attachments/`, {
    name: "r.md",
    type: "text/markdown",
    size: 60_000_000,
  });
  expect([status, body.attachment.size]).toEqual([200, 10]);
  expect(await upload(body.upload_data, text)).toBe(400);
  expect(await upload({ ...body.upload_data, fields: { ...body.upload_data.fields, policy: "e30=" } }, text)).toBe(403);
  const { body: info } = await api("GET", "/api/instances/");
  expect(info.config.file_size_limit).toBe(10);
});
