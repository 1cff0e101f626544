// What the first page of the dashboard really costs a browser, counted by the browser.

import { expect, open, test } from "./fixtures.ts";

/** As in xtask/src/site.rs. */
const BUDGET = 900_000;

test("the first page fetches no more than its budget, and neither charts nor engine", async ({ page }) => {
  await open(page, "/");
  await page.waitForLoadState("networkidle");
  const fetched = await page.evaluate(() =>
    (performance.getEntries() as PerformanceResourceTiming[])
      .filter((entry) => ["navigation", "resource"].includes(entry.entryType))
      .map((entry) => ({ path: new URL(entry.name).pathname, bytes: entry.encodedBodySize })),
  );
  const total = fetched.reduce((sum, entry) => sum + entry.bytes, 0);
  console.log(`first page: ${total} bytes in ${fetched.length} requests`);
  const paths = fetched.map((entry) => entry.path);
  expect(paths).toContain("/pkg/papertape_bg.wasm");
  expect(paths.filter((path) => /charts|engine/.test(path))).toEqual([]);
  // The fast, unoptimised build is for development and weighs what it likes.
  const isRelease = fetched.some(({ path, bytes }) => path === "/pkg/papertape_bg.wasm" && bytes < 2_000_000);
  test.skip(!isRelease, "an unoptimised build");
  expect(total).toBeLessThanOrEqual(BUDGET);
});
