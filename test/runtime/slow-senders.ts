import { planeHeaders } from "./plane-headers.ts";
import { head, open } from "./raw.ts";

/**
 * Run as a process of its own: opens so many connections to a URL and sends a request byte by byte on each, without
 * an end. Prints `ready` when all are open, and at the end how many bytes of answers came.
 */
const [url = "", count = "0", part = "body"] = process.argv.slice(2);
const begun = {
  body: head("POST", "/webhooks/plane", { ...planeHeaders("{}"), "content-length": "4000" }),
  head: "POST /webhooks/plane HTTP/1.1\r\nHost: x\r\nX-A: ",
}[part];

const slow = await Promise.all(Array.from({ length: Number(count) }, () => open(url)));
for (const { socket } of slow) socket.write(begun ?? "");
process.stdout.write("ready\n");
const drip = setInterval(() => {
  for (const { socket } of slow) if (socket.writable) socket.write("x");
}, 500);
const answers = await Promise.all(slow.map((raw) => raw.ended));
clearInterval(drip);
process.stdout.write(`ended ${answers.reduce((sum, answer) => sum + answer.text.length, 0)}\n`);
