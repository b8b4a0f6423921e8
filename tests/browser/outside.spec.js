// What comes from outside and stays for a while: dropped scenarios and folders, large files, lines that never end, moments.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "./page.js";
import { idle, line, open, output, tab, type } from "./lab.js";
import { linkTo } from "./links.js";

const waiting = (page) => page.getByRole("region", { name: "Lines that wait" });
const report = (page) => page.locator("dialog.import");
const paused = (page) => page.getByRole("alert").filter({ hasText: "Paused" });
const run = (page) => waiting(page).getByRole("button", { name: "Run", exact: true }).click();

// Drops bytes on the page under a name.
async function drop(page, name, content) {
  const text = Buffer.from(content).toString("base64");
  await page.evaluate(
    ([path, encoded]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0))], path));
      for (const kind of ["dragenter", "dragover", "drop"]) {
        document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
      }
    },
    [name, text],
  );
}

// Drops files and folders of the disk, which a script in the page cannot make.
async function dropPaths(page, ...files) {
  const session = await page.context().newCDPSession(page);
  const data = { items: [], files, dragOperationsMask: 1 };
  for (const kind of ["dragEnter", "dragOver", "drop"]) {
    await session.send("Input.dispatchDragEvent", { type: kind, x: 300, y: 300, data });
  }
  await session.detach();
}

const bulk = (text) => Buffer.concat([Buffer.from(`$${text.length}\r\n`), Buffer.from(text), Buffer.from("\r\n")]);
const set = (key, value) => Buffer.concat([Buffer.from("*3\r\n"), bulk("SET"), bulk(key), bulk(value)]);

// A log with one value that nothing makes smaller.
const largeLog = (key, bytes) => set(key, randomBytes(bytes));

// The names under which the browser keeps files for lines that only name them.
const keptFiles = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const opening = indexedDB.open("lastsave");
        opening.onerror = reject;
        opening.onsuccess = () => {
          const asked = opening.result.transaction("kept").objectStore("kept").getAllKeys();
          asked.onsuccess = () => {
            opening.result.close();
            resolve(asked.result.filter((key) => key.startsWith("attachment/")));
          };
        };
      }),
  );

test("a scenario that is dropped waits as a link does, and keeps the files that its lines name", async ({ page }) => {
  await open(page);
  await type(page, "SET mine 1");
  await drop(page, "appendonly.aof", largeLog("large", 400_000));
  await report(page).getByRole("button", { name: "Load it" }).click();
  await idle(page);
  const upload = await page.evaluate(() => document.querySelector(".log").textContent.match(/upload .* crc:[0-9a-f]{16} \d+/)[0]);

  const text = `# lastsave scenario 1\n# <b>Dropped</b>\nseed 3\n\n${upload}\nredis-server --appendonly yes\nSTRLEN large\n`;
  await drop(page, "mine.scenario", text);
  await expect(waiting(page)).toContainText("<b>Dropped</b>");
  await expect(waiting(page)).toContainText("3 lines from mine.scenario, not run yet");
  await expect(report(page)).toBeHidden();
  await idle(page);
  await expect(output(page)).not.toContainText("redis-server");
  await run(page);
  await idle(page);
  await expect(output(page)).toContainText("(integer) 400000");
  await page.getByRole("button", { name: "Bring it back" }).click();
  await idle(page);
  await type(page, "STRLEN large");
  await expect(output(page)).toContainText("(integer) 400000");

  await drop(page, "later.scenario", "# lastsave scenario 9\nPING\n");
  await expect(report(page)).toContainText("version 9 is not known here");
  await report(page).getByRole("button", { name: "Close" }).click();
  const long = `# lastsave scenario 1\n# Long\n\n${"PING\n".repeat(60_000)}`;
  await drop(page, "long.scenario", long);
  await expect(page.getByRole("alert")).toContainText("long.scenario is too large for a scenario: at most 256 KiB.");
  await type(page, "PING");
  await expect(output(page)).toContainText("PONG");
});

test("files that lines name are kept for a reload as long as a session names them", async ({ page }) => {
  await open(page);
  await drop(page, "appendonly.aof", largeLog("first", 300_000));
  await expect(report(page).getByRole("button", { name: "Load it" })).toBeVisible();
  expect(await keptFiles(page)).toEqual([]);
  await report(page).getByRole("button", { name: "Load it" }).click();
  await idle(page);
  await expect.poll(() => keptFiles(page)).toHaveLength(1);
  const [first] = await keptFiles(page);
  await page.reload();
  await idle(page);
  await type(page, "STRLEN first");
  await expect(output(page)).toContainText("(integer) 300000");

  // What can be brought back is kept as well.
  await drop(page, "appendonly.aof", largeLog("second", 300_001));
  await report(page).getByRole("button", { name: "Load it" }).click();
  await idle(page);
  await expect.poll(() => keptFiles(page)).toHaveLength(2);
  await page.reload();
  await idle(page);
  await expect.poll(() => keptFiles(page)).toHaveLength(1);
  expect(await keptFiles(page)).not.toContain(first);
  await type(page, "STRLEN second");
  await expect(output(page)).toContainText("(integer) 300001");
  // Back over the line that named it, and on.
  await type(page, "undo", "undo", "undo", "present", "STRLEN second");
  await expect(output(page)).not.toContainText("are not here");
});

test("a folder that is dropped is walked", async ({ page }) => {
  const dir = mkdtempSync(join(tmpdir(), "lastsave-folder-"));
  try {
    const data = join(dir, "data");
    mkdirSync(join(data, "appendonlydir"), { recursive: true });
    mkdirSync(join(data, "empty"));
    writeFileSync(join(data, "redis.conf"), "appendonly yes\nsave 900 1\n");
    const names = ["appendonly.aof.1.base.aof", "appendonly.aof.2.incr.aof"];
    writeFileSync(join(data, "appendonlydir", names[0]), set("base", "1"));
    writeFileSync(join(data, "appendonlydir", names[1]), largeLog("incr", 2_000_000));
    writeFileSync(
      join(data, "appendonlydir/appendonly.aof.manifest"),
      `file ${names[0]} seq 1 type b\nfile ${names[1]} seq 2 type i\n`,
    );
    await open(page);
    await dropPaths(page, data);
    for (const text of ["data/redis.conf", ...names, "appendonly.aof.manifest", "1.91 MB"]) {
      await expect(report(page)).toContainText(text);
    }
    await report(page).getByRole("button", { name: "Load it" }).click();
    await idle(page);
    await type(page, "GET base", "STRLEN incr", "CONFIG GET save");
    for (const text of ['"1"', "(integer) 2000000", '"900 1"']) await expect(output(page)).toContainText(text);
    await expect.poll(() => keptFiles(page)).toHaveLength(1);
    await page.reload();
    await idle(page);
    await type(page, "STRLEN incr");
    await expect(output(page)).toContainText("(integer) 2000000");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

// 60 MB of commands, made in the page.
async function dropLongLog(page) {
  await page.evaluate(() => {
    const command = new TextEncoder().encode("*3\r\n$3\r\nSET\r\n$5\r\nkey:1\r\n$9\r\nvalue:one\r\n".repeat(20_000));
    const many = Array.from({ length: Math.floor((60 << 20) / command.length) }, () => command);
    globalThis.seen = [];
    globalThis.longest = 0;
    let last = performance.now();
    globalThis.watch = setInterval(() => {
      globalThis.longest = Math.max(globalThis.longest, performance.now() - last);
      last = performance.now();
      const value = document.querySelector("dialog.import progress[value]")?.value;
      if (value !== undefined && value !== globalThis.seen.at(-1)) globalThis.seen.push(value);
    }, 10);
    const data = new DataTransfer();
    data.items.add(new File(many, "appendonly.aof"));
    globalThis.dropped = performance.now();
    for (const kind of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  });
}

test("a long file shows how far it is looked at, and can be given up", async ({ page }) => {
  test.setTimeout(120_000);
  await open(page);
  await dropLongLog(page);
  await expect(report(page)).toContainText("Looking at appendonly.aof, 59.5 MB");
  await expect.poll(() => page.evaluate(() => globalThis.seen.length), { timeout: 30_000 }).toBeGreaterThan(0);
  await report(page).getByRole("button", { name: "Cancel" }).click();
  await expect(report(page)).toBeHidden();
  // The machine is free at once: it is not parsing any more.
  await line(page).fill("PING");
  await line(page).press("Enter");
  await expect(output(page)).toContainText("PONG", { timeout: 2_000 });

  await dropLongLog(page);
  await expect(report(page).getByRole("button", { name: "Load it" })).toBeVisible({ timeout: 60_000 });
  const { seen, longest, took } = await page.evaluate(() => {
    clearInterval(globalThis.watch);
    const { seen, longest } = globalThis;
    return { seen, longest, took: performance.now() - globalThis.dropped };
  });
  test.info().annotations.push({ type: "60 MB", description: `${Math.round(took)} ms, ${seen.length} steps, page at most ${Math.round(longest)} ms` });
  console.log(`    60 MB looked at in ${Math.round(took)} ms, told ${seen.length} times; the page was silent for ${Math.round(longest)} ms`);
  expect(seen.toSorted((a, b) => a - b)).toEqual(seen);
  expect(seen.length).toBeGreaterThan(1);
  await report(page).getByRole("button", { name: "Close" }).click();
});

test("lines from outside that never end are paused: go on, stop, stop at once", async ({ page }) => {
  test.setTimeout(180_000);
  await open(page);
  const endless = linkTo("# lastsave scenario 1\n# Endless\nseed 1\n\nredis-server --save \"\"\nworkload sessions rate=100 keys=50\nadvance 90000h\n");
  await page.evaluate((hash) => (location.hash = hash), endless);
  await run(page);
  await expect(paused(page)).toBeVisible({ timeout: 60_000 });
  // It stands still while it waits.
  const standing = await page.locator(".clock .time-of-day").innerText();
  await page.waitForTimeout(300);
  expect(await page.locator(".clock .time-of-day").innerText()).toBe(standing);
  await paused(page).getByRole("button", { name: "Go on" }).click();
  await expect(paused(page)).toBeHidden();
  await expect.poll(() => page.locator(".clock .time-of-day").innerText()).not.toBe(standing);
  await expect(paused(page)).toBeVisible({ timeout: 60_000 });
  await paused(page).getByRole("button", { name: "Stop" }).click();
  await idle(page);
  await type(page, "PING");
  await expect(output(page)).toContainText("PONG");

  // Stop is there before that, too.
  await page.evaluate((hash) => (location.hash = hash), linkTo("# lastsave scenario 1\n# Again\nseed 1\n\nredis-server\nadvance 90000h\n", "0.1.0 autorun"));
  const stop = page.getByRole("region", { name: "Terminal" }).getByRole("button", { name: "Stop" });
  await expect(stop).toBeVisible();
  await stop.click();
  await idle(page);
  await type(page, "DBSIZE");
  await expect(output(page)).toContainText("(integer) 0");
});

test("a link to a moment shows that moment once it has run, in the tab that it names", async ({ page }) => {
  const text = "# lastsave scenario 1\n# A moment\nseed 1\n\nredis-server --save \"\"\nSET a first\nadvance 10s\nSET a second\nadvance 10s\n";
  const past = page.getByRole("status").filter({ hasText: "You are looking at" });
  const clock = page.locator(".clock .time-of-day");
  for (const autorun of [false, true]) {
    await page.goto("about:blank");
    await page.goto(`./${linkTo(text, `0.1.0${autorun ? " autorun" : ""} tab=info at=5000000`)}`);
    if (!autorun) {
      await idle(page);
      await expect(past).toHaveCount(0);
      await run(page);
    }
    await expect(past).toContainText("02:30:05");
    await expect(clock).toHaveText(/^02:30:05/);
    await expect(page.getByRole("tab", { name: "INFO" })).toHaveAttribute("aria-selected", "true");
    await tab(page, "Keys");
    await expect(page.locator("main")).toContainText("first");
    await past.getByRole("button", { name: "Back to the present" }).click();
    await idle(page);
    await type(page, "GET a");
    await expect(output(page)).toContainText('"second"');
  }
  // And such a link is made from a moment.
  await type(page, "goto 02:30:03");
  await page.getByRole("button", { name: "Share", exact: true }).click();
  const share = page.getByRole("dialog", { name: "Share this session" });
  await share.getByLabel(/moment/).check();
  const made = await share.getByLabel("Link", { exact: true }).inputValue();
  // Opened where it was made, it is that session; elsewhere it waits.
  await page.goto("about:blank");
  await page.goto(made);
  await expect(past).toContainText("02:30:03");
  const other = await page.context().newPage();
  await other.goto(made);
  await run(other);
  await expect(other.getByRole("status").filter({ hasText: "You are looking at" })).toContainText("02:30:03");
  await other.close();
});

test("a here-document with a line of three dashes travels in a link", async ({ page }) => {
  await open(page);
  await type(page, "cat > notes.txt <<'EOF'", "above", "---", "below", "EOF", "---", "SET behind it");
  await page.getByRole("button", { name: "Share", exact: true }).click();
  const share = page.getByRole("dialog", { name: "Share this session" });
  const made = await share.getByLabel("Link", { exact: true }).inputValue();
  const other = await page.context().newPage();
  await other.goto(made);
  await run(other);
  await idle(other);
  await type(other, "cat notes.txt", "GET behind");
  await expect(output(other)).toContainText("above\n---\nbelow");
  await expect(output(other)).toContainText('"it"');
  await other.close();
  if (process.env.LASTSAVE_NATIVE) {
    const printed = execFileSync(process.env.LASTSAVE_NATIVE, ["open", made, "--print"], { encoding: "utf8" });
    expect(printed).toContain("above\n---\nbelow\nEOF\n\\---\nSET behind it\n");
  }
  await page.keyboard.press("Escape");
  await page.reload();
  await idle(page);
  await type(page, "GET behind");
  await expect(output(page)).toContainText('"it"');
});

test("a key of another database is found in the snapshot, and from there in the keys", async ({ page }) => {
  await open(page);
  await type(page, "SET same zero", "redis-cli -n 3 SET same three", "redis-cli -n 3 SET other three", "SAVE");
  await tab(page, "Files");
  await page.getByRole("navigation", { name: "Files" }).getByRole("button", { name: "dump.rdb" }).click();
  const tree = page.getByRole("tree", { name: "What the bytes mean" });
  // A click closes the key, and what comes under the pointer is looked at, until that goes away.
  const choose = async (name) => {
    await tree.getByRole("treeitem", { name }).click();
    await page.mouse.move(700, 20);
  };
  await choose('"same" = "three"');
  await page.getByRole("button", { name: "Key same" }).click();
  await expect(page.getByLabel("database")).toHaveValue("3");
  await expect(page.locator("main")).toContainText("three");
  await page.getByRole("button", { name: "Where is it written" }).click();
  await expect(page.locator(".note-line")).toContainText("same is written in one place");
  const place = await tree.getByRole("treeitem", { name: '"same" = "three"' }).locator(".offset").innerText();
  await expect(tree.locator(".lit .offset")).toHaveText(place);
  // The one of the first database is another.
  await choose('"same" = "zero"');
  await page.getByRole("button", { name: "Key same" }).click();
  await expect(page.getByLabel("database")).toHaveValue("0");
});

test("markup in the keys of a file is text", async ({ page }) => {
  await open(page);
  const markup = "<img src=x onerror=globalThis.pwned=1>";
  await drop(page, "appendonly.aof", set(markup, "</script><b>bold"));
  await report(page).getByRole("button", { name: "Load it" }).click();
  await idle(page);
  await expect(page.locator("main")).toContainText(markup);
  await type(page, "KEYS *", `DEBUG OBJECT "${markup}"`);
  await tab(page, "Files");
  await page.getByRole("navigation", { name: "Files" }).getByRole("button", { name: /appendonly.aof/ }).first().click();
  await expect(page.getByRole("tree", { name: "What the bytes mean" })).toContainText(markup);
  expect(await page.locator("main img, main b").count()).toBe(0);
  expect(await page.evaluate(() => globalThis.pwned)).toBeUndefined();
});
