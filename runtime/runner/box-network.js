// The network of a box that reaches some hosts only. `proxy`, outside: connects who asks on a socket of the file system
// with one of the hosts. `relay`, inside: passes what reaches its ports on to that socket, and becomes the session's
// program. Both use the CONNECT method of HTTP.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";

/** Time between looks whether the box is still there: 1 s. */
const LOOK_MS = 1_000;

const [mode = "", socket = "", list = "", ...rest] = process.argv.slice(2);

if (mode === "proxy") startProxy();
else if (mode === "ports") startPorts();
else await becomeProgram();

/** Listens outside the box. `rest[0]`: the proxy that this machine needs to reach the internet, if any. */
function startProxy() {
  const hosts = new Set(list.split(","));
  const upstream = rest[0] ? URL.parse(rest[0]) : undefined;
  const parent = process.ppid;
  rmSync(socket, { force: true });
  const server = createServer((incoming, answer) => {
    const url = URL.parse(incoming.url ?? "");
    if (url?.protocol !== "http:" || !hosts.has(`${url.hostname}:${url.port || 80}`)) {
      answer.writeHead(403).end("Groundcrew: this session may not reach this host.\n");
      return;
    }
    const options = { method: incoming.method, headers: incoming.headers };
    const outgoing = request(url, options, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on("error", () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.on("connect", (incoming, client) => {
    client.on("error", () => {});
    if (!hosts.has(incoming.url ?? "")) {
      client.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      return;
    }
    const isLocal = /^(?:127\.|localhost:|\[::1\])/.test(incoming.url ?? "");
    if (upstream && !isLocal) connectOver(upstream, incoming.url ?? "", client);
    else join(client, connectTo(incoming.url ?? ""), "HTTP/1.1 200 Connection established\r\n\r\n");
  });
  server.listen(socket, () => process.stdout.write("ready\n"));
  setInterval(() => process.ppid === parent || process.exit(0), LOOK_MS);
}

/** @param {string} host name and port */
function connectTo(host) {
  const at = host.lastIndexOf(":");
  return connect(Number(host.slice(at + 1)), host.slice(0, at).replace(/^\[|\]$/g, ""));
}

/**
 * @param {URL} upstream
 * @param {string} host
 * @param {import("node:stream").Duplex} client
 */
function connectOver(upstream, host, client) {
  const user = upstream.username && `${decodeURIComponent(upstream.username)}:${decodeURIComponent(upstream.password)}`;
  const headers = user ? { "proxy-authorization": `Basic ${Buffer.from(user).toString("base64")}` } : {};
  const options = { host: upstream.hostname, port: upstream.port || 80, method: "CONNECT", path: host, headers };
  const outgoing = request(options);
  outgoing.on("error", () => client.destroy());
  outgoing.on("response", () => client.destroy());
  outgoing.on("connect", ({ statusCode }, remote) => {
    if (statusCode !== 200) client.destroy();
    else join(client, remote, "HTTP/1.1 200 Connection established\r\n\r\n", true);
  });
  outgoing.end();
}

/** Listens inside the box; `list`: the ports, of which the first one is the proxy's. */
function startPorts() {
  const [proxy = "", ...ports] = list.split(",");
  const listening = [proxy, ...ports].map(async (port) => {
    const server = createTcpServer((client) => {
      const remote = connect(socket);
      if (port === proxy) return join(client, remote);
      remote.on("error", () => client.destroy());
      remote.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
      let head = "";
      remote.on("data", function read(chunk) {
        head += chunk.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        remote.off("data", read);
        if (!head.startsWith("HTTP/1.1 200")) return void client.destroy();
        const first = Buffer.from(head.slice(end + 4), "latin1");
        if (first.length > 0) client.write(first);
        join(client, remote, "", true);
      });
    });
    server.listen(Number(port), "127.0.0.1");
    await once(server, "listening");
  });
  void Promise.all(listening).then(() => process.stdout.write("ready\n"));
}

/**
 * Joins two connections.
 * @param {import("node:stream").Duplex} client
 * @param {import("node:net").Socket} remote
 */
function join(client, remote, greeting = "", isOpen = false) {
  const begin = () => {
    if (greeting) client.write(greeting);
    client.pipe(remote);
    remote.pipe(client);
  };
  client.on("error", () => remote.destroy());
  remote.on("error", () => client.destroy());
  client.on("close", () => remote.destroy());
  remote.on("close", () => client.destroy());
  if (isOpen) begin();
  else remote.once("connect", begin);
}

/** Starts the ports in a process beside the program, so that the terminal belongs to the program alone. */
async function becomeProgram() {
  const ports = spawn(process.execPath, [process.argv[1] ?? "", "ports", socket, list], {
    // The program's environment is not for its commands, which can read that of this process.
    env: {},
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  await Promise.race([once(ports.stdout, "data"), once(ports, "exit")]);
  const [program = "", ...args] = rest;
  process.execve(program, [program, ...args], process.env);
}
