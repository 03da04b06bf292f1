import { connect } from "node:net";
import { omitUndefined } from "../../shared/omit-undefined.ts";

export interface RawAnswer {
  /** Undefined when the connection ended without an HTTP response. */
  status?: number;
  text: string;
}

/** Opens a TCP connection to a URL's server, on which a test writes bytes, from this address where one is given. */
export async function openConnection(url: string, localAddress?: string) {
  const { hostname, port } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, ...omitUndefined({ localAddress }) });
  const chunks: Buffer[] = [];
  // Resolves when the connection ends, with everything received.
  const ended = new Promise<RawAnswer>((resolve) => {
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // A reset ends the connection like a close; data that was received before is kept.
    socket.on("error", () => {});
    socket.on("close", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
      resolve({ ...omitUndefined({ status: status ? Number(status) : undefined }), text });
    });
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return { socket, ended };
}

/** Formats the request line and headers of a request. */
export function formatRequestHead(method: string, path: string, headers: Record<string, string>): string {
  const lines = Object.entries({ host: "127.0.0.1", ...headers }).map(([name, value]) => `${name}: ${value}`);
  return [`${method} ${path} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

export function formatChunk(bytes: Uint8Array | string): Buffer {
  const data = Buffer.from(bytes);
  return Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
}

/** Returns the head of a delivery's request. */
export function formatWebhookHead(headers: Record<string, string>): string {
  return formatRequestHead("POST", "/webhooks/plane", headers);
}
