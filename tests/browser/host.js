// Servers for tests that need more than one: the page below a deep path, with its requests counted, and pages of others.
import { createServer } from "node:http";

// What waits longer is cut off with the server.
const listen = (server, host) =>
  new Promise((resolve) => server.listen(0, host, () => resolve(server.address().port)));

async function serve(host, answer) {
  const server = createServer(answer);
  const port = await listen(server, host);
  return {
    origin: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

// The page as some host serves it, below `/some/path/`, and beside it the scripts of `server.files`. `server.change`, if set, is given the name and the text of each file
// that is text and says what is served in its stead.
export async function mirror(baseURL) {
  const prefix = "/some/path/";
  const requests = [];
  const mirrored = {};
  const server = await serve("127.0.0.1", async (request, response) => {
    const entry = { method: request.method, url: request.url };
    requests.push(entry);
    if (!request.url.startsWith(prefix)) return response.writeHead(404).end();
    const own = mirrored.files?.[request.url.slice(prefix.length)];
    if (own) return response.writeHead(200, { "content-type": "text/javascript" }).end(own);
    const answer = await fetch(new URL(request.url.slice(prefix.length), baseURL));
    const headers = {};
    for (const name of ["content-type", "content-security-policy", "cache-control"]) {
      if (answer.headers.get(name)) headers[name] = answer.headers.get(name);
    }
    let body = Buffer.from(await answer.arrayBuffer());
    if (mirrored.change && /javascript|html/.test(headers["content-type"])) {
      body = Buffer.from(mirrored.change(request.url.slice(prefix.length), body.toString()));
    }
    entry.body = body;
    response.writeHead(answer.status, headers).end(body);
  });
  return Object.assign(mirrored, server, { url: server.origin + prefix, requests });
}

// Somebody's site: `pages` maps a path to its HTML, or to { body, headers }. It is another site than the page's, because
// `localhost` is not `127.0.0.1`.
export function site(pages) {
  return serve("localhost", (request, response) => {
    const page = pages[request.url];
    if (page === undefined) return response.writeHead(404).end();
    const { body, headers = {} } = typeof page === "string" ? { body: page } : page;
    const type = request.url.endsWith(".scenario") ? "text/plain" : "text/html; charset=utf-8";
    response.writeHead(200, { "content-type": type, ...headers }).end(body);
  });
}

// Whether the page under test is an unoptimised build, which is neither small nor fast.
export const isQuick = Boolean(process.env.LASTSAVE_QUICK);
