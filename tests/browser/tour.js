// What a first visit does: the page shows up, commands of the common types, time, saving, crashes, starting again.
//
// `cargo xtask profile` runs this file in a page whose program tells what of it runs (`ran`), and it prints the numbers of
// these functions; what does not run here is loaded later. split.spec.js makes the same tour without the later part.
import { pathToFileURL } from "node:url";
import { chromium } from "@playwright/test";

const COMMANDS = [
  "SET a 1", "GET a", "INCR n", "INCRBY n 5", "DECR n", "APPEND a x", "MSET b 1 c 2", "MGET a b", "SETEX d 100 v", "TTL d",
  "PTTL d", "EXPIRE a 50", "PERSIST a", "DEL b", "EXISTS a", "TYPE a", "STRLEN a", "GETSET a 2", "SETNX q 1", "SET t 1 EX 3",
  "GETRANGE a 0 1", "INCRBYFLOAT n 1.5", "HSET h f v g w", "HGETALL h", "HGET h f", "HMGET h f g", "HDEL h f", "HKEYS h",
  "HVALS h", "HLEN h", "HEXISTS h g", "HINCRBY h n 2", "LPUSH l 1 2 3", "RPUSH l 4", "LRANGE l 0 -1", "LINDEX l 0", "LPOP l",
  "RPOP l", "LLEN l", "SADD s a b c", "SADD s2 b", "SMEMBERS s", "SREM s a", "SISMEMBER s b", "SCARD s", "SINTER s s2",
  "SUNION s s2", "ZADD z 1 a 2 b 3 c", "ZRANGE z 0 -1 WITHSCORES", "ZREVRANGE z 0 -1", "ZRANGEBYSCORE z 1 2", "ZSCORE z a",
  "ZRANK z b", "ZINCRBY z 3 a", "ZCARD z", "ZREM z a", "KEYS *", "DBSIZE", "SCAN 0", "PING", "ECHO hi", "SELECT 1", "SET x 1",
  "SELECT 0", "INFO", "INFO persistence", "LASTSAVE", "OBJECT ENCODING l", "nosuch", "GET", "LPUSH a 1", "RENAME c cc",
  "MULTI", "SET m 1", "EXEC", "TIME", "CONFIG GET save", "CONFIG GET append*", "advance 5s", "redis-cli GET a",
];
const SAVES = ["SAVE", "BGSAVE", "SET late 1", "advance 5s", "GET t", "help", "help advance", "ls", "ls -l", "cat redis.conf"];
const CRASHES = [
  "kill -9", "redis-server", "GET late", "power-cut", "redis-server", "KEYS *", "SHUTDOWN NOSAVE", "redis-server",
  "SET x y", "SHUTDOWN", "redis-server",
];
const LOGS = [
  "CONFIG SET appendonly yes", "advance 2s", "SET x y", "advance 1s", "INCR x2", "BGREWRITEAOF", "advance 2s", "SET z1 1",
  "kill -9", "redis-server --appendonly yes", "GET x", "SET w 1", "power-cut", "redis-server --appendonly yes",
  "CONFIG SET appendfsync always", "SET safe 1", "power-cut", "redis-server --appendonly yes --appendfsync always", "GET safe",
  "CONFIG SET save '1 1'", "SET q 2", "advance 3s", "FLUSHALL",
  "workload sessions rate=200 keys=2000", "advance 30s", "fault bgsave fail", "BGSAVE", "advance 2s", "fault clear",
  "power-cut", "redis-server",
];

const terminal = (page) => page.locator('.terminal[aria-busy="false"]');

async function enter(page, lines) {
  for (const line of lines) {
    await page.locator("#line").fill(line);
    await page.locator("#line").press("Enter");
    await terminal(page).waitFor({ timeout: 120_000 });
  }
}

// Makes the tour in an open page.
export async function tour(page) {
  await terminal(page).waitFor({ timeout: 120_000 });
  await page.locator("#line").focus();
  await page.keyboard.type("SET typ", { delay: 30 });
  await page.keyboard.press("Tab");
  await page.keyboard.press("Control+A");
  await enter(page, COMMANDS);
  await page.locator("#line").press("ArrowUp");
  // Reading back and returning, by the wheel and at once.
  const log = page.locator(".log");
  await log.hover();
  for (const by of [-400, -400, 200, 2000]) {
    await page.mouse.wheel(0, by);
    await page.waitForTimeout(100);
  }
  for (const top of [0, 100_000]) {
    await log.evaluate((element, top) => (element.scrollTop = top), top);
    await page.waitForTimeout(100);
  }
  await enter(page, [...SAVES, ...CRASHES, ...LOGS]);
  await page.getByRole("tab", { name: "Keys" }).click();
  for (let presses = 0; presses < 12; presses++) await page.keyboard.press("Tab");
  await page.mouse.move(400, 300);
  await page.mouse.wheel(0, 300);
  await page.setViewportSize({ width: 1100, height: 700 });
  // Whatever is drawn a moment later.
  await page.waitForTimeout(1500);
}

async function main() {
  const browser = await chromium.launch({
    executablePath: process.env.LASTSAVE_CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const ran = new Set();
  const collect = async (page) => {
    const numbers = () => [...(globalThis.ran ?? [])].flatMap((did, number) => (did ? [number] : []));
    for (const place of [page, ...page.workers()]) for (const number of await place.evaluate(numbers)) ran.add(number);
  };
  const visit = async (address, viewport, steps) => {
    const context = await browser.newContext({ viewport, serviceWorkers: "block" });
    const page = await context.newPage();
    await page.goto(new URL(address, process.env.LASTSAVE_URL).href);
    await steps(page);
    await collect(page);
    await context.close();
  };
  for (const [width, height] of [[1440, 900], [1280, 720], [1024, 768], [390, 844]]) await visit("./", { width, height }, tour);
  const short = async (page) => {
    await terminal(page).waitFor({ timeout: 120_000 });
    await enter(page, ["SET a 1", "SAVE", "power-cut", "redis-server"]);
    await page.waitForTimeout(500);
  };
  await visit("./?embed=full&theme=light", { width: 800, height: 500 }, short);
  await browser.close();
  console.log([...ran].join("\n"));
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await main();
