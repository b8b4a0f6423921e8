// How `cargo xtask test` drives the built page in Debian's Chromium; it serves the page and says where.
import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: ".",
  outputDir: "../../target/xtask/browser",
  reporter: "list",
  // One Chromium at a time: the engine's timing is simulated, but a loaded machine can make a page time out.
  workers: 1,
  timeout: 60_000,
  forbidOnly: true,
  use: {
    baseURL: process.env.LASTSAVE_URL,
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.LASTSAVE_CHROMIUM,
      // The sandbox does not start as root; the rest keeps Chromium from calling home.
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
