// Firefox, driven by WebDriver BiDi over its own websocket: as much of it as opening pages and evaluating expressions takes.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PREFERENCES = {
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "services.settings.server": "data:,",
  // The sandbox does not start as root in a container.
  "security.sandbox.content.level": 0,
};

// Starts a Firefox of its own, without a window, with these preferences besides. `close` ends it.
export async function launch(program = process.env.LASTSAVE_FIREFOX ?? "firefox-esr", preferences = {}) {
  const profile = mkdtempSync(join(tmpdir(), "lastsave-firefox-"));
  const lines = Object.entries({ ...PREFERENCES, ...preferences }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`);
  writeFileSync(join(profile, "user.js"), lines.join("\n"));
  const args = ["--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank"];
  const process_ = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, MOZ_CRASHREPORTER_DISABLE: "1" } });
  const ended = new Promise((resolve) => process_.once("exit", resolve));
  const close = async () => {
    process_.kill("SIGKILL");
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  };
  try {
    const session = await connect(await addressFrom(process_, ended));
    return { ...session, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// Firefox prints where it listens.
function addressFrom(process_, ended) {
  return new Promise((resolve, reject) => {
    let said = "";
    process_.stderr.on("data", (chunk) => {
      said += chunk;
      const address = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(said)?.[1];
      if (address) resolve(address);
    });
    process_.once("error", reject);
    ended.then(() => reject(new Error(`Firefox ended before it listened:\n${said}`)));
  });
}

// A session with one tab. `call` sends a command; `goto` opens an address; `evaluate` awaits an expression there.
async function connect(address) {
  const socket = new WebSocket(`${address}/session`);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error(`no websocket at ${address}`));
  });
  const waiting = new Map();
  let count = 0;
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    const waiter = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.type === "success") waiter?.resolve(message.result);
    else if (message.type === "error") waiter?.reject(new Error(`${message.error}: ${message.message}`));
  };
  socket.onclose = () => waiting.forEach(({ reject }) => reject(new Error("Firefox is gone")));
  const call = (method, params) =>
    new Promise((resolve, reject) => {
      count += 1;
      waiting.set(count, { resolve, reject });
      socket.send(JSON.stringify({ id: count, method, params }));
    });
  await call("session.new", { capabilities: {} });
  const { contexts } = await call("browsingContext.getTree", {});
  const { context } = contexts[0];
  return {
    goto: (url) => call("browsingContext.navigate", { context, url, wait: "complete" }),
    evaluate: async (expression) => {
      const { type, result, exceptionDetails } = await call("script.evaluate", { expression, target: { context }, awaitPromise: true });
      if (type === "exception") throw new Error(exceptionDetails.text);
      return result.value;
    },
    call,
    context,
  };
}
