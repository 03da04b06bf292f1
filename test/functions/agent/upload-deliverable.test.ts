import { expect, test } from "vitest";
import { callTool, getResultText } from "../../support/http-test-app.ts";
import { createAppWithTask, hashSha256, MB, refusalSchema } from "./upload-test-app.ts";

test.each(["http", "mcp"])("upload_deliverable accepts a small file in the call over %s", async (transport) => {
  const { app, item } = await createAppWithTask();
  const input = { task: "ONB-1", name: "report.md", file: Buffer.from("# Report").toString("base64") };
  const response =
    transport === "http"
      ? (await app.callTool("Imhotep", "upload_deliverable", input)).json
      : JSON.parse(getResultText(await callTool(await app.connectMcpClient("Imhotep"), "upload_deliverable", input)));
  expect(response).toMatchObject({ task: "ONB-1", size: 8, sha256: hashSha256("# Report") });
  expect(app.plane.attachments(item)).toMatchObject([{ name: "report.md", is_uploaded: true }]);
});

test("upload_deliverable accepts 1 MB; its refusal of larger files names PUT /agent/upload_deliverable", async () => {
  const { app } = await createAppWithTask();
  const createFile = (bytes: number) => Buffer.alloc(bytes, 7).toString("base64");
  expect(
    (await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "a.bin", file: createFile(MB) }))
      .status,
  ).toBe(200);
  const larger = await app.callTool("Imhotep", "upload_deliverable", {
    task: "ONB-1",
    name: "b.bin",
    file: createFile(MB + 3),
  });
  expect(larger.status).toBe(413);
  expect(refusalSchema.parse(larger.json).error.message).toContain("PUT /agent/upload_deliverable");
});

test.each([
  "http://127.0.0.1:8080/secret",
  "http://169.254.169.254/latest/meta-data",
  "http://[::1]/x",
  "http://2130706433/x",
  "file:///etc/passwd",
  "data:text/plain;base64,eA==",
])("reliability 19 upload_deliverable fetches no URL: %s is refused", async (file) => {
  const { app } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.txt", file });
  expect(response.status).toBe(400);
  expect(refusalSchema.parse(response.json).error.message).toContain("URLs are not fetched");
});

test.each([
  "/etc/passwd",
  "/root/secret",
  "/home/ann/My report.pdf",
  "/Users/ann/report",
  " /tmp/a ",
  "~/report",
  "~",
  "./report",
  "../report.md",
  "C:\\Users\\ann\\report.pdf",
  "c:/report",
  "\\\\server\\share\\report",
  "docs/report",
])("upload_deliverable refuses a path instead of the content of a file: %s", async (file) => {
  const { app, item } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.txt", file });
  expect(response.status).toBe(400);
  const { message } = refusalSchema.parse(response.json).error;
  expect(message).toContain("file is a path, not the content of a file");
  expect(message).toContain("groundcrew upload_deliverable --task ONB-12 --file report.pdf");
  expect(app.plane.attachments(item)).toEqual([]);
});

test.each([
  ["a JPEG", "/9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQ=="],
  ["text in UTF-16", "/v8AYQBi"],
  ["an xz archive", "/Td6WFoAAATm1rRG"],
])("upload_deliverable accepts base64 that begins with a slash: %s", async (_, file) => {
  const { app } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.bin", file });
  expect(response.status).toBe(200);
});

test.each(["not base64!", "abc==", "a"])("upload_deliverable refuses content that is not base64: %s", async (file) => {
  const { app } = await createAppWithTask();
  const response = await app.callTool("Imhotep", "upload_deliverable", { task: "ONB-1", name: "x.txt", file });
  expect(response.status).toBe(400);
  expect(refusalSchema.parse(response.json).error.message).toContain("base64");
});
