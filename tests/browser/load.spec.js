// The page starts: the wasm file loads under the strict policy, and nothing is logged as an error.
import { expect, test } from "./page.js";

test("the page starts without an error", async ({ page }) => {
  const wasm = page.waitForResponse((response) => /\.wasm\?v=[0-9a-f]{16}$/.test(response.url()));
  const response = await page.goto("./");
  expect(response.headers()["content-security-policy"]).toContain("script-src 'self' 'wasm-unsafe-eval'");
  expect((await wasm).headers()["content-type"]).toBe("application/wasm");
  await page.waitForLoadState("networkidle");
  await expect(page).toHaveTitle(/Lastsave/);
});

test("a missing file is missing", async ({ request }) => {
  expect((await request.get("./no-such-file.js")).status()).toBe(404);
});
