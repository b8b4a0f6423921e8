// Files: annotated bytes, bytes typed over, files from outside and out again. Nothing of it leaves the page: every page of
// these tests is watched for requests once it is loaded.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, violations } from "./page.js";
import { idle, inTheme, line, open, output, tab, type, whole } from "./lab.js";

const hex = (page) => page.getByRole("region", { name: "Bytes: arrow keys" });
const tree = (page) => page.getByRole("tree", { name: "What the bytes mean" });
const report = (page) => page.locator("dialog.import");
const incr = "appendonlydir/appendonly.aof.1.incr.aof";

// Opens the page and from then on fails the test on any request.
async function openOffline(page) {
  await open(page);
  await whole(page);
  const asked = [];
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url())) asked.push(request.url());
  });
  return asked;
}

// Drops files on the page, as a person would: `files` are [path, bytes as an array or text].
async function drop(page, ...files) {
  await page.evaluate((files) => {
    const data = new DataTransfer();
    for (const [path, content] of files) {
      const bytes = typeof content === "string" ? content : new Uint8Array(content);
      data.items.add(new File([bytes], path));
    }
    for (const kind of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  }, files.map(([path, content]) => [path, typeof content === "string" ? content : [...content]]));
}

// Downloads what a button offers.
async function downloaded(page, button) {
  const waiting = page.waitForEvent("download");
  await button.click();
  const download = await waiting;
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

// A server with the log on: one that is switched on at run time first rewrites it, which takes simulated time.
const logged = ["kill -9 $(pgrep redis-server)", "redis-server --appendonly yes"];

const file = (page, name) => page.getByRole("navigation", { name: "Files" }).getByRole("button", { name });

test("must match: annotated bytes", async ({ page }) => {
  await open(page);
  await type(page, ...logged, "SET greeting hello", "SET answer 42");
  await tab(page, "Files");
  await file(page, "1.incr.aof").click();
  // From the tree to the bytes.
  await tree(page).getByRole("treeitem", { name: "SET greeting hello" }).hover();
  await expect(hex(page).locator(".digits .lit").first()).toBeVisible();
  const lit = await hex(page).locator(".digits .lit").allInnerTexts();
  expect(Buffer.from(lit.join(""), "hex").toString()).toBe("*3\r\n$3\r\nSET\r\n$8\r\ngreeting\r\n$5\r\nhello\r\n");
  // From the bytes to the tree.
  await hex(page).locator('.letters [data-at="30"]').hover();
  await expect(tree(page).locator(".lit")).toContainText("SET greeting hello");
  // From a command to its key, and back to its bytes.
  await hex(page).locator('.digits [data-at="40"]').click();
  await page.getByRole("button", { name: "Key greeting" }).click();
  await expect(page.getByRole("tab", { name: "Keys" })).toHaveAttribute("aria-selected", "true");
  await page.getByRole("button", { name: "Where is it written" }).click();
  await expect(page.locator(".note-line")).toContainText("greeting is written in one place");
  await expect(tree(page).locator(".lit")).toContainText("SET greeting hello");
  // What is not synced is amber.
  await expect(hex(page).locator(".digits .unsynced").first()).toBeVisible();
  await inTheme(page, "dark");
  expect(await violations(page)).toEqual([]);
});

test("only here 3: bytes are typed over by keyboard, the next start sees it, and what was parsed is kept", async ({ page }) => {
  await open(page);
  await type(page, ...logged, "SET greeting hello", "SET answer 42");
  await tab(page, "Files");
  await file(page, "1.incr.aof").click();
  await hex(page).focus();
  // The second command begins at byte 23; its star becomes an x.
  for (let at = 0; at < 23; at += 1) await page.keyboard.press("ArrowRight");
  await page.keyboard.type("78");
  await expect(page.getByRole("button", { name: "Write 1 byte" })).toBeVisible();
  await page.keyboard.press("Enter");
  await idle(page);
  await expect(output(page)).toContainText(`poke ${incr} 23 78`);
  await expect(page.locator(".note-line.broken")).toContainText("Breaks at byte 23: not a command");
  await expect(tree(page)).toContainText("SELECT 0");
  await page.getByRole("button", { name: "Kill and restart" }).click();
  await idle(page);
  await expect(output(page)).toContainText("Bad file format reading the append only file");
  await page.getByRole("button", { name: "Repair" }).click();
  await idle(page);
  await expect(output(page)).toContainText("1 piece (38 bytes) left out");
});

test("bytes that a power loss took are shown in the file as it was", async ({ page }) => {
  await open(page);
  await type(page, ...logged, "CONFIG SET appendfsync no", "SET kept 1", "sync", "SET lost 2", "crash power");
  await tab(page, "Files");
  await expect(file(page, "1.incr.aof")).toContainText("lost");
  await file(page, "1.incr.aof").click();
  await page.getByRole("button", { name: "Before the crash" }).click();
  const lost = await hex(page).locator(".digits .lost").allInnerTexts();
  expect(Buffer.from(lost.join(""), "hex").toString()).toContain("lost");
});

test("must match: import and export of files", async ({ page }) => {
  const asked = await openOffline(page);
  await type(page, ...logged, "SET greeting hello", "LPUSH list a b c", "SAVE");
  await tab(page, "Files");
  await file(page, "dump.rdb").click();
  const snapshot = await downloaded(page, page.getByRole("button", { name: "Download", exact: true }));
  expect(snapshot.name).toBe("dump.rdb");
  expect(snapshot.bytes.subarray(0, 5).toString()).toBe("REDIS");
  const disk = await downloaded(page, page.getByRole("button", { name: "Download the disk" }));
  expect(disk.name).toBe("lastsave-disk.zip");

  // The archive comes back as it went.
  await drop(page, ["backup.zip", disk.bytes]);
  await expect(report(page)).toContainText("appendonly.aof.1.incr.aof");
  await expect(report(page)).toContainText("Written by Redis 7.0.15");
  expect(await violations(page)).toEqual([]);
  await report(page).getByRole("button", { name: "Load it" }).click();
  await idle(page);
  await type(page, "GET greeting", "LLEN list");
  await expect(output(page)).toContainText('"hello"');
  await expect(output(page)).toContainText("(integer) 3");
  // A reload has the files again.
  await page.reload();
  await idle(page);
  await expect(output(page)).toContainText("(integer) 3");
  expect(asked.filter((url) => !url.startsWith(new URL(page.url()).origin))).toEqual([]);
});

test("only here 9: a broken file is explained, repaired and loaded, and a real server starts on the disk", async ({ page }) => {
  const asked = await openOffline(page);
  await type(page, ...logged, "SET greeting hello", "SET answer 42");
  await tab(page, "Files");
  const disk = await downloaded(page, page.getByRole("button", { name: "Download the disk" }));
  const dir = mkdtempSync(join(tmpdir(), "lastsave-disk-"));
  try {
    writeFileSync(join(dir, "disk.zip"), disk.bytes);
    execFileSync("python3", ["-m", "zipfile", "-e", join(dir, "disk.zip"), dir]);
    const readme = readFileSync(join(dir, "README.txt"), "utf8");
    expect(readme).toContain("redis-server --dir . --appendonly yes");
    // A broken copy is dropped.
    const files = readdirSync(join(dir, "appendonlydir")).map((name) => [name, readFileSync(join(dir, "appendonlydir", name))]);
    files.find(([name]) => name.endsWith("incr.aof"))[1][23] = 0x78;
    await drop(page, ...files);
  } finally {
    rmSync(dir, { recursive: true });
  }
  await expect(report(page)).toContainText("At byte 23: not a command");
  await report(page).getByRole("button", { name: "Repair and load" }).click();
  await idle(page);
  await type(page, "GET answer", "GET greeting");
  await expect(output(page)).toContainText('"42"');
  await expect(output(page)).toContainText("(nil)");
  expect(asked).toEqual([]);
});

test("a redis.conf with trailing comments is refused in Redis's words, and stripped", async ({ page }) => {
  await open(page);
  await drop(page, ["redis.conf", "save 900 1   # every 15 minutes\nappendonly yes\n"]);
  await expect(report(page)).toContainText("Invalid save parameters");
  await report(page).getByRole("button", { name: "Strip the comments and start" }).click();
  await idle(page);
  await expect(output(page)).toContainText("Ready to accept connections");
  await type(page, "CONFIG GET appendonly");
  await expect(output(page)).toContainText('2) "yes"');
});

test("hostile files get a clear message and leave the page alive", async ({ page }) => {
  await open(page);
  const told = async (...texts) => {
    await expect(report(page).locator(".came, .import-notes, p").first()).toBeVisible();
    for (const text of texts) await expect(report(page)).toContainText(text);
    await report(page).getByRole("button", { name: "Close" }).click();
    await expect(report(page)).toBeHidden();
  };
  await drop(page, ["dump.rdb", ""]);
  await told("An empty file");
  await drop(page, ["cat.jpg", [0xff, 0xd8, 0xff, 0xe0, 0, 1, 2]]);
  await told("Neither a snapshot nor a log");
  await drop(page, ["cut.zip", [0x50, 0x4b, 3, 4, 20, 0, 0, 0, 0]]);
  await told("cut, or is no zip");
  await drop(page, ["../../<img src=x onerror=alert(1)>.rdb", [0x52, 0x45, 0x44, 0x49, 0x53, 0x30, 0x30]]);
  await told("<img src=x onerror=alert(1)>.rdb", "broken");
  // A bomb: a gigabyte of zeros in a megabyte.
  const bomb = spawnSync("python3", ["-c", `
import io, sys, zipfile
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
    with archive.open("dump.rdb", "w", force_zip64=False) as entry:
        for _ in range(200):
            entry.write(bytes(1 << 20))
sys.stdout.buffer.write(out.getvalue())`], { maxBuffer: 1 << 26 }).stdout;
  await drop(page, ["bomb.zip", bomb]);
  await told("more than 64 MB");
  // 500 MB of log: made in the page, and never copied.
  await page.evaluate(() => {
    const command = new TextEncoder().encode("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n".repeat(20_000));
    const many = Array.from({ length: Math.ceil((500 << 20) / command.length) }, () => command);
    const data = new DataTransfer();
    data.items.add(new File(many, "appendonly.aof"));
    for (const kind of ["dragenter", "dragover", "drop"]) {
      document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
    }
  });
  await expect(report(page)).toContainText("lastsave inspect appendonly.aof", { timeout: 30_000 });
  await told("Only its first 4.00 MB were looked at", "more than 64 MB");
  await line(page).fill("PING");
  await line(page).press("Enter");
  await expect(output(page)).toContainText("PONG");
});

test("on a phone the bytes stand over what they mean, eight in a row, and can be typed", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  await open(page);
  await type(page, ...logged, "SET greeting hello");
  await tab(page, "Files");
  await file(page, "1.incr.aof").click();
  const bytes = await hex(page).boundingBox();
  const meaning = await tree(page).boundingBox();
  expect(bytes.y + bytes.height).toBeLessThanOrEqual(meaning.y + 1);
  expect(await hex(page).locator("p").first().locator(".digits span").count()).toBe(8);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  await hex(page).locator('.digits [data-at="1"]').click();
  const input = page.getByLabel("Byte 1 in hexadecimal");
  await input.fill("39");
  await input.press("Enter");
  await idle(page);
  await expect(output(page)).toContainText(`poke ${incr} 1 39`);
});
